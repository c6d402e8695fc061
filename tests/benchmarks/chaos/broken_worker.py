"""A worker whose generators depend on the process. The class is elsewhere, because a child process imports it."""

from tests.benchmarks.chaos.wavering import Wavering
from workers.families.diffusion import Diffusion
from workers.runtime.main import main

if __name__ == "__main__":
    main(families=(Wavering(), Diffusion()))
