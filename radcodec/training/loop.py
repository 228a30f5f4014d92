"""The training loop: both networks together, or compressors against a frozen decompressor."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from radcodec.quantising.levels import EXCHANGE, MID_GREY
from radcodec.training.costs import CostBook, Distortion
from radcodec.training.data import Sample
from radcodec.training.networks import Architecture, Compressor, Decompressor
from radcodec.training.patches import PatchSource
from radcodec.training.precision import fast
from radcodec.training.rate_model import Gains, RateModel, log_nominal_step
from radcodec.training.refinement import Bases
from radcodec.training.warm_start import warm_start

#: Weight of `unrest` beside normalised costs, which are near 1: a pattern of a thousandth of
#: the range counts as much as 5 % more bytes.
UNREST_WORTH = 5e4


#: File of a run that training goes on from.
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Config:
    """What a training run is, as kept in a JSON file.

    Attributes
    ----------
    depth, width, latents : int
        The networks' architecture.
    patch, batch : int
        Side of a patch in pixels; patches a step.
    learning_rate : float
        Peak, reached after `warm_up` steps and left by a cosine over the run's minutes.
    rate_pace : float
        Learning rate of the rate model over that of the networks.
    rounded_from : float
        Share of the run, 0 to 1, after which bits are those of rounded latents, with straight
        gradients, rather than of latents with noise: those that files take, but gradients say
        nothing of what is 0.
    similarity : float
        Share of 1 - MS-SSIM in what is lost, 0 to 1, the squared error being the rest; see
        `costs.Distortion`.  Remainders are judged by squared error alone.
    weights : dict
        Relative frequency of the modalities.
    finest : float
        Finest position of the quality scale that is trained, 0 to 1.
    plain : float
        Share of the steps that train on images themselves, where the run has bases to
        refine; all other steps train on what one of the bases leaves.
    plain_finest : float
        Finest position for those steps: bfloat16 cannot hold the mean of a block to a finer
        step, while what a base leaves has no mean to speak of.
    seed : int
        Of weights and patches.
    """

    depth: int
    width: int = 64
    latents: int = 16
    patch: int = 192
    batch: int = 8
    learning_rate: float = 4e-4
    final_share: float = 0.04
    warm_up: int = 60
    rate_pace: float = 1.0
    rounded_from: float = 1.0
    similarity: float = 0.0
    weights: dict[str, float] = field(
        default_factory=lambda: {"xr": 0.3, "mg": 0.1, "ct": 0.3, "mr": 0.3}
    )
    finest: float = 0.1
    plain: float = 0.15
    plain_finest: float = 0.1
    seed: int = 1

    @property
    def architecture(self) -> Architecture:
        """The networks that the run trains."""
        return Architecture(self.depth, self.width, self.latents)


class Codec(nn.Module):
    """Compressor, decompressor, their gains and the rate model: what a checkpoint holds."""

    def __init__(self, architecture: Architecture, seed: int = 0) -> None:
        super().__init__()
        self.compressor: Compressor
        self.decompressor: Decompressor
        if architecture.wide:  # Random: such networks start as `grow.grown` says.
            self.compressor, self.decompressor = (
                Compressor(architecture),
                Decompressor(architecture),
            )
        else:
            self.compressor, self.decompressor = warm_start(architecture, seed)
        self.encode_gains = Gains(architecture.latents, architecture.depth)
        self.decode_gains = Gains(architecture.latents, architecture.depth)
        self.rate_model = RateModel(architecture.latents)
        self.architecture = architecture

    def forward(
        self,
        image: torch.Tensor,
        position: torch.Tensor,
        predicted: bool = True,
        rounded_rate: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the decoded image and the bits of each latent; see `RateModel.forward`."""
        quick = fast(image.device.type)
        with quick:
            latent = self.compressor(image)
        steps = latent.float() / self.encode_gains.log_step(position).exp()
        rounded = steps + (steps.round() - steps).detach()
        noisy = rounded if rounded_rate else steps + torch.rand_like(steps) - 0.5
        bits = self.rate_model(noisy, rounded, position, predicted)
        scaled = rounded * self.decode_gains.log_step(position).exp()
        with quick:
            decoded = self.decompressor(scaled)
        return decoded.float(), bits


def step_costs(
    codec: Codec,
    image: torch.Tensor,
    weight: torch.Tensor,
    position: torch.Tensor,
    predicted: bool = True,
    rounded_rate: bool = False,
    distortion: Callable[..., torch.Tensor] | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rate-distortion cost of each patch: (cost, bits per pixel, squared error), each (n,).

    What is lost is the squared error, or what `distortion` makes of it and of the patches before
    and after, the background taken from the former.
    """
    decoded, bits = codec(image, position, predicted, rounded_rate)
    pixels = image.shape[-1] * image.shape[-2]
    rate = bits.sum(dim=(1, 2, 3)) / pixels
    error = ((decoded - image).square() * weight).sum(dim=(1, 2, 3)) / pixels
    worth = EXCHANGE * torch.exp(-2 * log_nominal_step(position, codec.architecture.depth))
    lost = error
    if distortion is not None:
        lost = distortion(error, image, torch.where(weight > 0, decoded, image))
    return rate + worth * lost, rate, error


def unrest(codec: Codec, device: str) -> torch.Tensor:
    """Mean square of what a refinement adds where all of its latents are zero.

    That is most of a file at high ratios, where it would show as a grid.  Computed in
    float32, since bfloat16 rounds mid-grey by more.
    """
    zero = torch.zeros(1, codec.architecture.latents, 8, 8, device=device)
    added: torch.Tensor = codec.decompressor(zero) - MID_GREY
    return added.square().mean()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that an interruption leaves the old one or the new one."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def _groups(codec: Codec, rate_pace: float) -> list[dict[str, Any]]:
    """What learns, in groups of their own pace: the networks with their gains, the rate model."""
    model = {id(parameter) for parameter in codec.rate_model.parameters()}
    learning = [parameter for parameter in codec.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learning if (id(p) in model) == of_model], "pace": pace}
        for of_model, pace in ((False, 1.0), (True, rate_pace))
    ]


def train(
    codec: Codec,
    config: Config,
    samples: list[Sample],
    run: Path,
    minutes: float,
    *,
    freeze_decompressor: bool = False,
    bases: list[Codec] | None = None,
    device: str = "cpu",
    log: Callable[[str], None] = print,
) -> Codec:
    """Train for a budget of minutes, resuming what the run folder holds.

    Parameters
    ----------
    codec : Codec
        Start; replaced by the run's checkpoint where there is one.
    config : Config
        The run.
    samples : list of Sample
        Training images.
    run : Path
        Folder of `CHECKPOINT` and ``log.jsonl``; made where missing.
    minutes : float
        Total of training time over all resumptions, which also sets the learning rate's
        course.
    freeze_decompressor : bool
        Phase 2: only compressor, encode gains and rate model learn.
    bases : list of Codec, optional
        Trained codecs of greater depth that this one learns to refine; see `refinement`.
    device : str
        "cpu" or "cuda".
    """
    run.mkdir(parents=True, exist_ok=True)
    codec.to(device)
    codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device == "cuda":
        torch.backends.cudnn.benchmark = True  # Shapes are the same in every step.
    for part in (codec.decompressor, codec.decode_gains):
        part.requires_grad_(not freeze_decompressor)
    optimiser = torch.optim.Adam(
        _groups(codec, config.rate_pace), lr=config.learning_rate, fused=device == "cuda"
    )
    spent, steps = 0.0, 0
    checkpoint = run / CHECKPOINT
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        codec.load_state_dict(state["codec"])
        optimiser.load_state_dict(state["optimiser"])
        spent, steps = state["seconds"], state["steps"]
        log(f"resumed at step {steps}, {spent / 60:.1f} of {minutes:g} minutes")
    source = PatchSource(samples, config.patch, config.weights, config.seed + steps, device)
    generator = torch.Generator().manual_seed(config.seed + steps)
    refined = Bases(bases or [], config.depth, config.seed + steps, device)
    # What a base leaves costs much less than an image; neither is to drown the other.
    books = {plain: CostBook(device) for plain in (False, True)}
    distortion = Distortion(config.similarity, device) if config.similarity else None
    budget = minutes * 60
    started = mark = time.monotonic()
    window: list[torch.Tensor] = []

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "codec": codec.state_dict(),
                "optimiser": optimiser.state_dict(),
                "seconds": spent + time.monotonic() - started,
                "steps": steps,
                "config": asdict(config),
            },
        )

    while (elapsed := spent + time.monotonic() - started) < budget:
        course = 0.5 * (1 + math.cos(math.pi * elapsed / budget))
        rate = config.learning_rate * (config.final_share + (1 - config.final_share) * course)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["pace"] * min(1.0, (steps + 1) / config.warm_up)
        image, weight, modalities = source.batch(config.batch)
        plain = not bases or refined.draw() < config.plain
        finest = config.plain_finest if bases and plain else config.finest
        position = torch.rand(config.batch, generator=generator) * (1 - finest)
        position = (position + finest).to(device)
        if not plain:
            image = refined.remainder(image, weight, position)
        rounded = elapsed >= config.rounded_from * budget
        places = {"modalities": modalities, "position": position}
        costs, bits, errors = step_costs(
            codec,
            image,
            weight,
            position,
            predicted=plain,
            rounded_rate=rounded,
            distortion=partial(distortion, **places) if plain and distortion else None,
        )
        loss = books[plain].normalise(costs, modalities, position).mean()
        if bases and not freeze_decompressor:
            loss = loss + UNREST_WORTH * unrest(codec, device)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(codec.parameters(), 2.0)
        optimiser.step()
        steps += 1
        window.append(torch.stack([costs, bits, errors]).detach().mean(dim=1))
        if steps % 50 == 0:
            cost, bpp, error = torch.stack(window).mean(dim=0).tolist()
            level = [[round(v, 4) for v in row] for row in books[not bases].means.tolist()]
            record = {
                "step": steps,
                "minutes": round(elapsed / 60, 2),
                "cost": cost,
                "bpp": bpp,
                "mse": error,
                "learning_rate": rate,
                "costs": level,
            }
            with (run / "log.jsonl").open("a") as handle:
                handle.write(json.dumps(record) + "\n")
            log(
                f"step {steps} {elapsed / 60:.1f} min cost {cost:.4f} bpp {bpp:.4f} mse {error:.2e}"
            )
            window = []
        if time.monotonic() - mark > 90:
            save()
            mark = time.monotonic()
    save()
    return codec
