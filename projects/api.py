"""REST of this app."""

urlpatterns: list = []
