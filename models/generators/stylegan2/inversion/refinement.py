"""Refines W+ codes: Adam on all codes of a batch at once, with a separate course for every image.

Losses are summed over the images and Adam treats each number separately, so results depend on the other images of the
batch only by rounding. An image that stalls ends its course early and leaves the batch.

Measured on 50 portraits as held-out mIoU (benchmarks/LOG.md, "Inversion, second weights"): encoder alone 0.317, encoder
and 100 steps (the default) 0.606, 100 steps from the mean code 0.550.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from models.arrays import Images, Scores, StyleCodes, Taps
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.prior import CodePrior
from models.inversion.perceptual import PerceptualDistance
from models.states import AT_START, Resumption, State, StateRefused, check

RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps (StyleGAN2, arXiv 1912.04958, appendix D)
# An iterate counts as progress when it lowers the image's loss by more than this share.
STALL_TOLERANCE = 0.02
BETAS, EPSILON = (0.9, 0.999), 1e-8  # the defaults of Adam (arXiv 1412.6980, algorithm 1)

Chosen = Int[Tensor, " chosen"]

# The tensors of a course: with a row for each image that is still refined, and for all images.
OF_STAYING = ("staying", "ws", "means", "squares")
OF_ALL = ("best", "best_losses", "ends", "mark", "marked_at")


@dataclass(frozen=True, kw_only=True)
class InversionOptions:
    """Weights of the loss and the course of the refinement. The defaults of fits are in `contracts/fits/options.py`."""

    # 200 steps instead of 100 gain 0.9 dB of PSNR and no mIoU (LOG.md, "Inversion by what labels become").
    steps: int
    learning_rate: float  # of Adam, at its maximum
    pixel_weight: float  # of the mean squared error, images in [-1, 1]
    # Of the perceptual distance, if one is given (the paper: 10 x LPIPS). 0.2 x the discriminator's distance gains 2.7
    # points of held-out mIoU over pixels alone (LOG.md, "Inversion by what labels become").
    perceptual_weight: float
    # Of the mean squared distance to the starting code. The paper's 1 costs 13 points of held-out mIoU, 0.01 gains
    # nothing (LOG.md, "Inversion, second weights").
    encoder_pull: float
    prior_weight: float  # of the Mahalanobis distance to the distribution of sampled codes
    # Steps without progress after which an image's course ends early; 0 = never. On 16 renderings and 200 steps, 10
    # saves 6% of the steps and costs 0.1 dB; 20 saves nothing and costs nothing.
    patience: int
    restarts: int  # other starts for an image whose first start failed
    micro_batch: int  # images at once


@dataclass(frozen=True)
class Objective:
    """The loss of each image's code. Terms of weight zero are not computed."""

    images: Images
    anchors: StyleCodes
    target_features: Taps
    prior: CodePrior
    perceptual: PerceptualDistance | None
    options: InversionOptions

    @classmethod
    def toward(
        cls,
        images: Images,
        anchors: StyleCodes,
        *,
        prior: CodePrior,
        perceptual: PerceptualDistance | None,
        options: InversionOptions,
    ) -> "Objective":
        """Compute the features of the images once. `anchors` are the codes that `encoder_pull` pulls toward."""
        weighed = perceptual if options.perceptual_weight else None
        with torch.no_grad():
            features = [] if weighed is None else weighed.features(images)
        return cls(images, anchors, features, prior, weighed, options)

    def losses(self, reconstructions: Images, ws: StyleCodes) -> Scores:
        # Every term is [n]: a mean within the image, never over the batch.
        options = self.options
        losses = options.pixel_weight * (reconstructions - self.images).square().mean(dim=(1, 2, 3))
        if self.perceptual is not None:
            distances = self.perceptual.between(
                self.perceptual.features(reconstructions), self.target_features
            )
            losses = losses + options.perceptual_weight * distances
        if options.encoder_pull:
            pull = (ws - self.anchors).square().mean(dim=(1, 2))
            losses = losses + options.encoder_pull * pull
        if options.prior_weight:
            losses = losses + options.prior_weight * self.prior.distance(ws)
        return losses

    def of(self, chosen: Chosen) -> "Objective":
        """Return the objective of the chosen images."""
        features = [tap[chosen] for tap in self.target_features]
        return replace(
            self,
            images=self.images[chosen],
            anchors=self.anchors[chosen],
            target_features=features,
            prior=self.prior.of(chosen),
        )


@dataclass(frozen=True)
class Refined:
    """Each image's best iterate, its loss, and the number of steps of its course."""

    ws: StyleCodes
    losses: Scores
    steps: Int[Tensor, " batch"]

    def improved(self, chosen: Chosen, again: "Refined") -> "Refined":
        """Keep the better of two attempts for the chosen images; the steps of both count."""
        ws, losses, steps = self.ws.clone(), self.losses.clone(), self.steps.clone()
        # [failed] against the same images of all: losses of one objective, so they compare
        better = again.losses < losses[chosen]
        ws[chosen[better]], losses[chosen[better]] = again.ws[better], again.losses[better]
        steps[chosen] += again.steps
        return Refined(ws, losses, steps)


def refine(
    generator: Generator,
    objective: Objective,
    start: StyleCodes,
    on_step: Callable[[int], None] | None = None,
    resumption: Resumption = AT_START,
) -> Refined:
    """Return each image's iterate with the smallest loss, the start included; `on_step` gets the image-steps done.

    Raises `StateRefused` if the state is one of other images.
    """
    course = _Course(start, objective)
    if resumption.state is not None:
        course.load(resumption.state)
        if on_step is not None:
            on_step(course.image_steps(course.step))
    # All images may have ended early.
    last = course.total if len(course.staying) else 0
    for step in range(course.step + 1, last + 1):
        ws = course.ws.requires_grad_(True)
        losses = course.objective.losses(generator.synthesize(ws).images, ws)
        # The sum over images: row i of the gradient is that of loss i alone.
        (gradients,) = torch.autograd.grad(losses.sum(), ws)
        course.judge(losses.detach(), step)
        course.move(gradients, step)
        course.drop_ended(step)
        course.step = step
        # before the callback, whose exceptions end the refinement
        resumption.offer(course.state)
        if on_step is not None:
            on_step(course.image_steps(step))
        if not len(course.staying):
            break
    return Refined(course.best, course.best_losses, course.ends.clamp(max=objective.options.steps))


def ramp_up(progress: float) -> float:
    """Raise the learning rate linearly over the first 5% (arXiv 1912.04958, appendix D)."""
    return min(1.0, progress / RAMP_UP)


def ramp_down(remaining: Tensor) -> Tensor:
    """Lower it as a cosine over the last quarter (same appendix); `remaining` is the share of a course not yet done."""
    # 0 at the end of the course, 1 from a quarter before it on
    return 0.5 - 0.5 * torch.cos((remaining / RAMP_DOWN).clamp(0.0, 1.0) * math.pi)


class _Course:
    """The state of every image: iterate and Adam moments of those still refined, best iterate and last step of all.

    `ends` holds the step after which an image leaves. An image that stalls ends sooner: its last quarter, in which the
    learning rate falls, begins at once.
    """

    def __init__(self, start: StyleCodes, objective: Objective) -> None:
        count, device = len(start), start.device
        self.objective = objective
        self.total, self.step = max(objective.options.steps, 1), 0
        self.staying = torch.arange(count, device=device)
        self.ws = start.clone()
        # Adam's first and second moments, [staying, num_ws, w_dim]
        self.means, self.squares = torch.zeros_like(start), torch.zeros_like(start)
        self.best, self.best_losses = start.clone(), start.new_full((count,), math.inf)
        self.ends = torch.full((count,), self.total, device=device)
        # the loss and the step of each image's last progress
        self.mark, self.marked_at = self.best_losses.clone(), torch.zeros_like(self.ends)

    def judge(self, losses: Scores, step: int) -> None:
        """Keep the best iterates; start the last quarter of images without progress for `patience` steps."""
        # `staying` maps rows of the batch to images of the start.
        staying = self.staying
        better = losses < self.best_losses[staying]
        self.best[staying[better]] = self.ws.detach()[better]
        self.best_losses[staying[better]] = losses[better]
        # `mark` is the loss of the last progress, so a slow decline over many steps counts as progress too.
        progress = losses < (1.0 - STALL_TOLERANCE) * self.mark[staying]
        self.mark[staying[progress]] = losses[progress]
        self.marked_at[staying[progress]] = step
        patience = self.objective.options.patience
        if patience:
            # Dropping a stalled image at once would lose the gain of the falling learning rate.
            stalled = staying[step - self.marked_at[staying] >= patience]
            self.ends[stalled] = self.ends[stalled].clamp(max=step + int(self.total * RAMP_DOWN))

    def move(self, gradients: StyleCodes, step: int) -> None:
        """Take one step of Adam (arXiv 1412.6980, algorithm 1), at each image's own learning rate."""
        # m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2; then both without their bias toward the start at 0.
        # Written out, because torch's Adam has one learning rate for the whole tensor, and cannot drop rows.
        self.means.lerp_(gradients, 1.0 - BETAS[0])
        self.squares.lerp_(gradients.square(), 1.0 - BETAS[1])
        mean = self.means / (1.0 - BETAS[0] ** step)
        std = (self.squares / (1.0 - BETAS[1] ** step)).sqrt()
        # [staying] => rates [staying, 1, 1] for ws [staying, num_ws, w_dim]
        remaining = (self.ends[self.staying] - step) / self.total
        rate = self.objective.options.learning_rate * ramp_up(step / self.total)
        rates = rate * ramp_down(remaining)[:, None, None]
        self.ws = self.ws.detach() - rates * mean / (std + EPSILON)

    def drop_ended(self, step: int) -> None:
        """Remove the images at their last step from the batch: later steps cost nothing for them."""
        stays = self.ends[self.staying] > step
        if bool(stays.all()):
            return
        chosen = stays.nonzero()[:, 0]
        self.staying, self.ws = self.staying[chosen], self.ws[chosen]
        self.means, self.squares = self.means[chosen], self.squares[chosen]
        self.objective = self.objective.of(chosen)  # targets and anchors of the remaining rows

    def image_steps(self, step: int) -> int:
        """Return the steps done by all images together; an image that left counts as having done all."""
        return step * len(self.staying) + self.total * (len(self.ends) - len(self.staying))

    def state(self) -> dict[str, Tensor]:
        """Return the state between two steps; targets and anchors follow from the images."""
        tensors = {name: getattr(self, name) for name in (*OF_STAYING, *OF_ALL)}
        return {**tensors, "step": torch.tensor(self.step)}

    def load(self, state: State) -> None:
        """Continue from a state of the same images. Raises `StateRefused`, before anything is changed."""
        count = len(state["staying"]) if "staying" in state else 0
        expected = self.state()
        check(state, {**expected, **{name: expected[name][:count] for name in OF_STAYING}})
        staying, step = state["staying"], int(state["step"])
        if not 0 < step <= self.total or not bool(
            ((staying >= 0) & (staying < len(self.ws))).all()
        ):
            raise StateRefused(f"expected a step from 1 to {self.total}, got {step}")
        for name in (*OF_STAYING, *OF_ALL):
            setattr(self, name, state[name].to(self.ws.device))
        self.step = step
        if count < len(self.best):
            self.objective = self.objective.of(self.staying)
