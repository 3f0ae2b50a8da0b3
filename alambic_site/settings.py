"""One settings module, driven by the environment; every default is safe and works on one machine.

VAR_DIR holds all state of an installation: the database, uploads, prepared features, models, Redis' socket, the secret key.
"""

import os
from pathlib import Path
from urllib.parse import quote

from alambic_site.env import database, email, env_bool, env_int, env_list, redis_socket, secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").expanduser().resolve()

# --- Security
SECRET_KEY = secret_key(VAR_DIR)
DEBUG = env_bool("DEBUG", False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if "*" not in host]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_HTTPS_PROXY", False) else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env_bool("BEHIND_HTTPS_PROXY", False)
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
X_FRAME_OPTIONS = "DENY"
AUTH_USER_MODEL = "projects.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# --- Applications
INSTALLED_APPS = [
    "alambic_site",
    "projects",
    "annotation",
    "learning",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_rq",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "alambic_site.middleware.LoginRequired",
    "alambic_site.middleware.PasswordChange",
]
ROOT_URLCONF = "alambic_site.urls"
WSGI_APPLICATION = "alambic_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "alambic_site.context.site",
            ],
            "builtins": ["alambic_site.templatetags.alambic"],
        },
    }
]

# --- Database
# An answer that was acknowledged must survive a power cut: synchronous=FULL costs about 0.5 ms a commit. The workers'
# commits can be computed again, so `manage.py start` gives them SQLITE_SYNCHRONOUS=NORMAL.
SQLITE_SYNCHRONOUS = os.environ.get("SQLITE_SYNCHRONOUS", "FULL")
DATABASES = {"default": database(VAR_DIR)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # IMMEDIATE: a transaction that will write takes its lock at once, so "database is locked" cannot arise in its middle.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous={SQLITE_SYNCHRONOUS}; PRAGMA cache_size=-32000;"
            "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;"
        ),
    }
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis and RQ: jobs only, nothing that cannot be rebuilt from the database
REDIS_SOCKET = redis_socket(VAR_DIR)
REDIS_URL = os.environ.get("REDIS_URL") or f"unix://{quote(str(REDIS_SOCKET))}"
_QUEUE = {"URL": REDIS_URL, "DEFAULT_TIMEOUT": -1, "REDIS_CLIENT_KWARGS": {"socket_connect_timeout": 3}}
# "learning": the loops of development runs; "imports": files; "analyses": nobody waits for those. Served in this order.
RQ_QUEUES = {"learning": _QUEUE, "imports": _QUEUE, "analyses": _QUEUE}
RQ_SHOW_ADMIN_LINK = False

# --- Notices: e-mail (EMAIL_URL, or EMAIL_HOST and the like; without them mails go to the log) and webhooks
globals().update(email())
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "alambic@localhost")
# A webhook is called by the server: inside a private network it could reach what its maker cannot.
ALLOW_PRIVATE_WEBHOOKS = env_bool("ALLOW_PRIVATE_WEBHOOKS", False)

# --- Files
MEDIA_ROOT = VAR_DIR / "files"
FEATURES_DIR = VAR_DIR / "features"
STATIC_ROOT = VAR_DIR / "static"
STATIC_URL = "/static/"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "alambic_site.staticfiles.PackageFilesFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "alambic_site.staticfiles.StaticFilesStorage"},
}
FILE_UPLOAD_MAX_MEMORY_SIZE = 1 << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 << 20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
UPLOAD_LIMIT_MB = env_int("UPLOAD_LIMIT_MB", 2000, minimum=1)

# --- Plug-ins: "module.Class" of files in VAR_DIR/plugins or anywhere on Python's path, see docs/how-to/write-a-strategy.md
ALAMBIC_STRATEGIES = env_list("ALAMBIC_STRATEGIES")
ALAMBIC_LEARNERS = env_list("ALAMBIC_LEARNERS")
ALAMBIC_FEATURES = env_list("ALAMBIC_FEATURES")
ALAMBIC_CRITERIA = env_list("ALAMBIC_CRITERIA")

# --- REST
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "alambic_site.authentication.Token",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "alambic_site.parsers.Json",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "alambic_site.negotiation.AnyAccept",
    "DEFAULT_PAGINATION_CLASS": "alambic_site.api.Pagination",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "alambic_site.api.exception_handler",
    # `?format=csv` is ours (rounds, export), not DRF's choice of a renderer.
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ALAMBIC",
    "DESCRIPTION": "A team labels data with the help of active learning: projects, imports, annotation, runs, reports.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Localisation
LANGUAGE_CODE = "en"
TIME_ZONE = os.environ.get("TZ", "UTC")
USE_I18N = False
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "alambic": {"level": "INFO"},
        "rq.worker": {"level": "WARNING"},
        "django": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
