"""The form by which a client asks for a token with a user's name and password (RFC 6749 section 4.3.2)."""

from typing import Literal

from hinge.binding.params import Form


class OAuth2PasswordRequestForm:
    """What a client sends to `token_url`: `form: Annotated[OAuth2PasswordRequestForm, Depends()]`."""

    def __init__(
        self,
        username: Form[str],
        password: Form[str],
        scope: Form[str] = "",
        grant_type: Form[Literal["password"] | None] = None,
        client_id: Form[str | None] = None,
        client_secret: Form[str | None] = None,
    ) -> None:
        self.username = username
        self.password = password
        self.scopes = scope.split()
        """The scopes that the client asks for."""
        self.grant_type = grant_type
        self.client_id = client_id
        self.client_secret = client_secret
