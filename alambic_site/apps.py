from django.apps import AppConfig


class AlambicSiteConfig(AppConfig):
    name = "alambic_site"
