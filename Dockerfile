# Stonechat as an image; docs/deploy/container.md says how to run it.
#
#   docker build -t stonechat .                    without a browser: Mastodon, Bluesky
#   docker build --target browser -t stonechat .   with Chromium: X's website
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/stonechat \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY scripts/uv.txt scripts/uv.txt
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r scripts/uv.txt
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY packages packages
COPY src src
RUN uv sync --frozen --no-default-groups --no-editable

FROM python:${PYTHON}-slim-bookworm AS base
# The number stands in the image and on the volume alike; a platform may check that it is not root.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin stonechat \
    && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /opt/stonechat /opt/stonechat
ENV PATH=/opt/stonechat/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data/.stonechat \
    DASHBOARD_HOST=0.0.0.0 \
    PORT=8787
WORKDIR /data
VOLUME /data
USER 10001
EXPOSE 8787
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as http; http.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/readyz\", timeout=4)"]
ENTRYPOINT ["stonechat"]
CMD ["run"]

FROM base AS browser
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium \
    && rm -rf /var/lib/apt/lists/*
USER 10001

# The last stage is what is built when none is named.
FROM base AS plain
