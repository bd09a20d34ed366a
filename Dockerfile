# The server, the worker and every command in one image: the command decides.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements.txt requirements-embeddings.txt ./
RUN pip install -r requirements.txt && pip install --no-deps -r requirements-embeddings.txt

COPY . .
RUN useradd --system --create-home --home-dir /data manticscore
USER manticscore
ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM

ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--no-worker"]
