"""Django's settings; what may differ between installations comes from portal.configuration."""

from django.utils.translation import gettext_lazy as _

from portal import configuration as conf
from portal.configuration import ROOT, Mode

BASE_DIR = ROOT
VAR = conf.var_folder()
MODE = conf.mode()
SERVERS = conf.servers(VAR)
DEBUG = conf.text("DEBUG") == "1" and MODE is Mode.DEMO
SECRET_KEY = conf.secret_key(VAR, MODE)
# The keys of secrets at rest: in a file, or in KEY_RING itself (then nothing is ever written).
KEY_RING = conf.text("KEY_RING")
KEY_RING_FILE = conf.key_ring_file(VAR)
# Hosts that calls may go to although they are not public, or not by TLS: «host» or «host:port».
OUTGOING_ALLOW = conf.hosts("OUTGOING_ALLOW")
# OpenLineage: where each run's events go, by HTTP or appended to a file; empty: nowhere.
OPENLINEAGE_URL = conf.text("OPENLINEAGE_URL")
OPENLINEAGE_API_KEY = conf.text("OPENLINEAGE_API_KEY")
OPENLINEAGE_FILE = conf.text("OPENLINEAGE_FILE")
OPENLINEAGE_NAMESPACE = conf.text("OPENLINEAGE_NAMESPACE", "data-desk")
HOST = conf.text("HOST", "127.0.0.1")
PORT = conf.integer("PORT", 8000, least=1, most=65535)
# The way in from outside: links in mails and the check of the Host header go by it.
PUBLIC_URL = conf.text("PUBLIC_URL", f"http://{HOST}:{PORT}")
ALLOWED_HOSTS = conf.text("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []
DEMO_SIGN_IN = MODE is Mode.DEMO and HOST in conf.LOOPBACK

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "rest_framework",
    "portal.ui",
    "portal.accounts",
    "portal.audit",
    "portal.vault",
    "portal.evidence",
    "portal.warehouse",
    "portal.search",
    "portal.api",
    "portal.notifications",
    "portal.webhooks",
    "portal.discussion",
    "catalog",
    "jobs",
    "requests_app",
    "portal.dashboard",
    "portal.demo",
]

MIDDLEWARE = [
    "portal.ui.middleware.SecurityHeadersMiddleware",
    "portal.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.ui.middleware.RequestLogMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.accounts.middleware.SessionAgeMiddleware",
    "portal.accounts.middleware.SignInMiddleware",
    "portal.ui.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_FILES = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
_CACHED = ("django.template.loaders.cached.Loader", _FILES)
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "portal" / "templates"],
        "OPTIONS": {
            "loaders": [("template_partials.loader.Loader", _FILES if DEBUG else [_CACHED])],
            "builtins": [
                "django.templatetags.i18n",
                "template_partials.templatetags.partials",
                "portal.ui.templatetags.desk",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.ui.context.page",
            ],
        },
    },
]

DATABASES = {"default": conf.database("DATABASE_URL", SERVERS.database_url)}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),  # type: ignore[dict-item]
    "connect_timeout": 5,
    # A server that vanished without a word is noticed in seconds, not after the system's two hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "data-desk",
}
# The lake: DuckLake's catalog database and the folder (or bucket) of its Parquet files.
METRIC_COMPILER = "catalog.compiler.metricflow.MetricFlowCompiler"
WAREHOUSE = "portal.warehouse.ducklake.DuckLakeWarehouse"
LAKE_URL = SERVERS.lake_url
LAKE_READER_URL = SERVERS.lake_reader_url
LAKE_SCHEMA = conf.text("LAKE_SCHEMA", "ducklake")
LAKE_DATA = conf.text("LAKE_DATA", str(VAR / "lake"))
# Files that extract-load jobs may read lie below this folder.
SOURCE_FOLDER = conf.text("SOURCE_FOLDER", str(VAR / "files"))
# The largest file that people bring in by the portal, in MB.
SOURCE_FILE_MB = conf.integer("SOURCE_FILE_MB", 512, least=1, most=1_000_000)
# dbt projects lie below this one, each in a folder of its own.
DBT_FOLDER = conf.text("DBT_FOLDER", str(VAR / "dbt"))
LAKE_MEMORY = conf.text("LAKE_MEMORY", "1GB")
# Old snapshots are let go so many days after they were replaced, cited ones never; 0 keeps all of them.
LAKE_KEEP_DAYS = conf.integer("LAKE_KEEP_DAYS", 30, least=0, most=36_500)
LAKE_THREADS = conf.integer("LAKE_THREADS", 2, least=1, most=64)

REDIS_URL = SERVERS.redis_url
# Every key that the portal writes there begins with it, so that a database may be shared with others.
REDIS_PREFIX = conf.word("REDIS_PREFIX", "desk")
CACHES = {
    "default": {
        "BACKEND": "portal.ui.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}:cache",
        "OPTIONS": {
            "serializer": "portal.ui.cache.SignedSerializer",
            # Who finds Redis hanging waits so long, and answers within half a second all the same.
            "socket_timeout": 0.2,
            "socket_connect_timeout": 0.2,
        },
    }
}

# Sessions live in the database, so that losing the cache signs nobody out.
SESSION_ENGINE = "portal.accounts.session_store"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_IDLE_SECONDS = 60 * 60 * 24 * 3
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_COOKIES = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE_COOKIES else f"desk-session-{PORT}"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE_COOKIES else f"desk-csrf-{PORT}"
CSRF_COOKIE_HTTPONLY = False
CSRF_FAILURE_VIEW = "portal.ui.views.errors.csrf_failure"
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if SECURE_COOKIES else 0
SECURE_SSL_REDIRECT = False
BEHIND_PROXY = conf.text("BEHIND_PROXY") == "1"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$"]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.backend.Backend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "portal.accounts.adapter.AccountAdapter"
# Whose address it is: sign-in limits and the list of sessions go by it. The last address of X-Forwarded-For
# is the one that our own proxy added; the ones before it are what the client claims.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if BEHIND_PROXY else 0
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
# No mail to addresses that nobody here has: it would tell strangers about us, and cost us our sender's name.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
PASSWORD_RESET_TIMEOUT = 60 * 60 * 24
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [ROOT / "portal" / "locale"]
LANGUAGE_COOKIE_NAME = "desk-language"
THEME_COOKIE_NAME = "desk-theme"
TIME_ZONE = "UTC"
USE_TZ = True

# Files of comments, in MB: the largest one, and how much one person may send in a day.
ATTACHMENT_MB = conf.integer("ATTACHMENT_MB", 10, least=1, most=100)
ATTACHMENTS_A_DAY_MB = conf.integer("ATTACHMENTS_A_DAY_MB", 200, least=1, most=100_000)
# Most MB that a run copies from a database or an API before it reads them.
EXTRACT_MB = conf.integer("EXTRACT_MB", 20_000, least=1, most=10_000_000)
# Files that runs keep: the largest one in MB, and days after which they go (0: never).
ARTIFACT_MB = conf.integer("ARTIFACT_MB", 1024, least=1, most=100_000)
MAIL_FILES_MB = conf.integer("MAIL_FILES_MB", 5, least=0, most=25)
ARTIFACT_KEEP_DAYS = conf.integer("ARTIFACT_KEEP_DAYS", 90, least=0, most=36_500)
FILE_UPLOAD_HANDLERS = [
    "portal.discussion.uploads.LimitedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [ROOT / "portal" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.ui.staticfiles.BundlingStorage"},
}
WHITENOISE_MAX_AGE = 3600

_MAIL = conf.mail(conf.text("EMAIL_URL", "console:"))
EMAIL_BACKEND = _MAIL.backend
EMAIL_HOST = _MAIL.host
EMAIL_PORT = _MAIL.port
EMAIL_HOST_USER = _MAIL.user
EMAIL_HOST_PASSWORD = _MAIL.password
EMAIL_USE_TLS = _MAIL.starttls
EMAIL_USE_SSL = _MAIL.tls
# Seconds for each answer of the mail server; portal/notifications/smtp.py limits the whole of a mail.
EMAIL_TIMEOUT = 5
DEFAULT_FROM_EMAIL = conf.text("MAIL_FROM", "data-desk@localhost")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.api.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["portal.api.permissions.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.api.parsers.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "portal.api.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "portal.api.schema.ScopedSchema",
    "DEFAULT_THROTTLE_CLASSES": ["portal.api.throttling.BurstThrottle", "portal.api.throttling.HourThrottle"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "portal.api.parsers.AlwaysJSON",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "portal.api.problems.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Data Desk API",
    "DESCRIPTION": "Trigger jobs exactly once, follow their runs, read datasets and metrics.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["portal.api.schema.only_the_api"],
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "portal.api.schema.complete"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    # Fields of one name with different words: each set is called by what it is.
    "ENUM_NAME_OVERRIDES": {
        "RunStateEnum": "jobs.choices.RunState",
        "QuestionStateEnum": "requests_app.choices.State",
        "LevelEnum": "requests_app.choices.Level",
        "DeliveryStateEnum": "portal.notifications.choices.OutboxState",
        "WebhookStateEnum": "portal.webhooks.choices.Standing",
        "WebhookFormatEnum": "portal.webhooks.choices.Format",
    },
}

# The run protocol's clocks, in seconds (tests shorten them).
RUN_LEASE = conf.integer("RUN_LEASE", 30, least=1, most=3600)
RUN_BEAT = min(1.0, RUN_LEASE / 4)
RUN_POLL = conf.integer("RUN_POLL", 2, least=1, most=60)
# The most seconds by which the starts of jobs that are due at the same moment are spread.
SCHEDULE_JITTER = conf.integer("SCHEDULE_JITTER", 0, most=3600)
RUN_GRACE = conf.integer("RUN_GRACE", 10, least=0, most=600)
CLOCK_TICK = 1.0
# The most memory (data segment, in MB) that one run's process may take; 0: no limit.
RUN_MEMORY_MB = conf.integer("RUN_MEMORY_MB", 4096)
# A warm process is replaced after so many runs or beyond so many MB, and leaves after so many idle seconds.
# WARM_AHEAD: it is started before anybody asks, so that the first query is as fast as the next.
WARM_AHEAD = conf.integer("WARM_AHEAD", 1, most=1) == 1
WARM_RUNS = conf.integer("WARM_RUNS", 200, least=1, most=100_000)
WARM_MEMORY_MB = conf.integer("WARM_MEMORY_MB", 1536, least=256)
WARM_IDLE = conf.integer("WARM_IDLE", 3600, least=1, most=86_400)
# How often a run may be handed over by stopping workers before that counts as an attempt.
RUN_HAND_OVERS = 5
JOBS_FOLDER = conf.text("JOBS_FOLDER")
# Or a repository with job files: its address, branch ("": its own) and the folder within it ("": all of it).
JOBS_GIT_URL = conf.git_address("JOBS_GIT_URL")
JOBS_GIT_BRANCH = conf.text("JOBS_GIT_BRANCH")
JOBS_GIT_FOLDER = conf.text("JOBS_GIT_FOLDER")
if JOBS_FOLDER and JOBS_GIT_URL:
    raise conf.ConfigurationError("JOBS_FOLDER and JOBS_GIT_URL are both set; job files come from one place.")
# Modules whose @pipeline functions the «python» kind may run, and packages that may bring more (None: all).
PIPELINE_PACKAGES = conf.packages("PIPELINE_PACKAGES")
JOB_PIPELINES = conf.text("JOB_PIPELINES", "jobs.pipelines.load_flights").split(",")
WORKER_NAME = conf.text("WORKER_NAME")
WORKER_SLOTS = conf.integer("WORKER_SLOTS", 2, least=1, most=64)
WEB_PROCESSES = conf.integer("WEB_PROCESSES", 2, least=1, most=64)

# Safe to trust: SecurityHeadersMiddleware has replaced every id that is not plain.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
LOGGING_CONFIG = "portal.ui.logs.configure"
LOGGING = {"level": conf.text("LOG_LEVEL", "INFO")}
# JSON for machines (the default), text for people who watch a terminal.
LOG_FORMAT = conf.text("LOG_FORMAT", "json")
