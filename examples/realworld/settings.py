"""What the environment says: variables that begin with REALWORLD_, or the file .env in the current folder.

Law: nobody starts with a secret that others know, unless the environment is called "development".
"""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one app; .env.example tells what each is for."""

    model_config = SettingsConfigDict(env_prefix="REALWORLD_", env_file=".env", extra="ignore", frozen=True)

    environment: Literal["production", "development"] = "production"
    secret: SecretStr = SecretStr("")
    database_url: str = "sqlite:///realworld.db"
    pool_size: Annotated[int, Field(ge=1)] = 10
    migrate: bool = True
    token_days: Annotated[int, Field(ge=1)] = 60
    origins: list[str] = []

    @model_validator(mode="after")
    def _has_a_secret(self) -> Self:
        if len(self.signing_key) < 32:
            raise ValueError("REALWORLD_SECRET must have 32 characters or more: openssl rand -hex 32")
        return self

    @property
    def signing_key(self) -> str:
        """The secret, or one that everybody knows if there is none in development."""
        known = "everybody-knows-this-secret-of-developers" if self.environment == "development" else ""
        return self.secret.get_secret_value() or known
