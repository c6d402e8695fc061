# A worker: contracts, models and workers. Build from the repository's root: docker build -f docker/worker.Dockerfile .
# TORCH_INDEX chooses the torch build: .../whl/cpu here, .../whl/cu128 for NVIDIA.
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /srv
COPY pyproject.toml constraints.txt ./
RUN pip install --no-cache-dir "$(grep '^pip==' constraints.txt)" \
    && pip install --no-cache-dir -c constraints.txt --extra-index-url $TORCH_INDEX torch \
    && pip install --no-cache-dir -c constraints.txt --group workers

COPY contracts contracts
COPY models models
COPY workers workers

USER 10001
# The command names the queue (fit, generate, cpu) or reconcile. Give it two minutes to stop: it finishes its step first.
ENTRYPOINT ["python", "-m", "workers"]
CMD ["generate"]
