# A server of one project's models. Build it in the root of a project after `dvc repro` or `dvc pull`:
#     docker build --tag complaints .
#     docker run --rm --publish 8000:8000 --env COMPLAINTS_TOKEN=... complaints
FROM python:3.11.14-slim-bookworm AS build
COPY requirements-image.txt constraints.txt /build/
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --requirement /build/requirements-image.txt --constraint /build/constraints.txt
COPY pyproject.toml README.md /build/
COPY src /build/src
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /build

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin complaints
COPY --from=build /venv /venv
WORKDIR /project
COPY dvc.yaml params.yaml ./
COPY data/interim/labels.json data/interim/labels.json
COPY models models
COPY reports/cards reports/cards
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 HOME=/tmp
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["complaints", "serve", "--host", "0.0.0.0", "--port", "8000"]
