# The app: contracts and app, no torch. Build from the repository's root: docker build -f docker/app.Dockerfile .
FROM python:3.11-slim

WORKDIR /srv
COPY pyproject.toml constraints.txt ./
RUN pip install --no-cache-dir "$(grep '^pip==' constraints.txt)" \
    && pip install --no-cache-dir -c constraints.txt --group app

COPY contracts contracts
COPY app app

USER 10001
# Binds to loopback until there are API keys, so it shares its network with whatever authenticates in front of it.
CMD ["python", "-m", "app"]
