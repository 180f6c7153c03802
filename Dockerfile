# One image for web, worker, clock and the one-shot preparation; docker-compose.yml says which is which.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
# With requirements-dbt.lock the image can also run dbt projects; the workers need it, the others may have it.
ARG LOCK=requirements.lock
COPY requirements.lock requirements-dbt.lock requirements-uv.lock pyproject.toml ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements-uv.lock \
    && /venv/bin/uv pip install --no-cache --python /venv/bin/python --require-hashes -r $LOCK \
    && /venv/bin/pip uninstall --yes uv pip setuptools
COPY . .
# Texts and byte code are made here, because nothing under /app can be written later.
RUN /venv/bin/python -c "from portal.ui.translations import compile_catalogs; compile_catalogs()" \
    && /venv/bin/python -m compileall -q portal catalog jobs requests_app

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 desk \
    && useradd --uid 10001 --gid desk --no-create-home --home-dir /var/lib/data-desk --shell /usr/sbin/nologin desk \
    && install --directory --owner desk --group desk --mode 0700 /var/lib/data-desk
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MODE=production \
    HOST=0.0.0.0 \
    PORT=8000 \
    VAR=/var/lib/data-desk
WORKDIR /app
USER desk
VOLUME /var/lib/data-desk
EXPOSE 8000
# The programs end at SIGTERM themselves. The worker needs an init beside it (docker run --init; compose has
# it): when one of its children ends, that child's own children become the first process's, which reaps none.
CMD ["gunicorn", "-c", "python:portal.launch.gunicorn"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-m", "portal.launch.probe", "web"]
