"""Who sends a REST request; a module of its own, because REST framework imports it while it is being imported itself."""

from functools import cache
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class Token(TokenAuthentication):
    """REST framework's own, with its look-up written as SQL: it stands before every request, and nothing of it is kept."""

    def authenticate_credentials(self, key: str) -> tuple[Any, Any]:
        from projects import rows

        model, user_model = self.get_model(), get_user_model()
        row = rows.first(_statement(), key)
        if row is None:
            raise AuthenticationFailed("Invalid token.")
        n = rows.n_columns(model)
        token, user = rows.instance(model, row[:n]), rows.instance(user_model, row[n:])
        if not user.is_active:
            raise AuthenticationFailed("User inactive or deleted.")
        token.user = user
        return user, token


@cache
def _statement() -> str:
    from rest_framework.authtoken.models import Token as Model

    from projects import rows

    User = get_user_model()
    return (
        f"SELECT {rows.columns(Model, 't')}, {rows.columns(User, 'u')} FROM {Model._meta.db_table} t "
        f'JOIN {User._meta.db_table} u ON u.id = t.user_id WHERE t."key" = %s'
    )
