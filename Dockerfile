# docker build -t relay . && docker run --publish 8888:8888 --volume relay:/data relay [SOURCE]

FROM python:3.13-slim AS build
RUN python -m venv /opt/relay
WORKDIR /src
COPY pyproject.toml package.json package-lock.json hatch_build.py README.md LICENSE ./
COPY relay relay
RUN /opt/relay/bin/pip install --no-cache-dir .

FROM python:3.13-slim
# Cameras in /dev belong to the group video.
RUN useradd --system --user-group --no-create-home --groups video relay && install --directory --owner relay --group relay /data
COPY --from=build /opt/relay /opt/relay
# RELAY_DATA: `docker exec CONTAINER relay sessions list` looks where `relay serve` writes.
ENV PATH=/opt/relay/bin:$PATH RELAY_DATA=/data
USER relay
VOLUME /data
EXPOSE 8888
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8888/healthz', timeout=4)"]
ENTRYPOINT ["relay", "serve", "--listen", "0.0.0.0:8888", "--data", "/data"]
