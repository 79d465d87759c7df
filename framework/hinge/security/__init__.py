"""Who asks, and what they may: schemes read a credential, answer 401 with a challenge, and describe themselves."""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.security.any_of import AnyOf
    from hinge.security.api_keys import APIKeyCookie, APIKeyHeader, APIKeyQuery
    from hinge.security.basic import HTTPBasic, HTTPBasicCredentials
    from hinge.security.bearer import HTTPBearer
    from hinge.security.oauth2 import OAuth2AuthorizationCode, OAuth2PasswordBearer, OpenIDConnect
    from hinge.security.password_form import OAuth2PasswordRequestForm
    from hinge.security.scopes import Security, SecurityScopes
    from hinge.security.secrets import same_secret

__all__ = [
    "APIKeyCookie",
    "APIKeyHeader",
    "APIKeyQuery",
    "AnyOf",
    "HTTPBasic",
    "HTTPBasicCredentials",
    "HTTPBearer",
    "OAuth2AuthorizationCode",
    "OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm",
    "OpenIDConnect",
    "Security",
    "SecurityScopes",
    "same_secret",
]

_ROOMS = {
    "security.any_of": "AnyOf",
    "security.api_keys": "APIKeyCookie APIKeyHeader APIKeyQuery",
    "security.basic": "HTTPBasic HTTPBasicCredentials",
    "security.bearer": "HTTPBearer",
    "security.oauth2": "OAuth2AuthorizationCode OAuth2PasswordBearer OpenIDConnect",
    "security.password_form": "OAuth2PasswordRequestForm",
    "security.scopes": "Security SecurityScopes",
    "security.secrets": "same_secret",
}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
