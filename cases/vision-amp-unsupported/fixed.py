"""Waste image classifier trained with mixed precision on a machine without CUDA."""

import argparse
import json
import os
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # simulated: hides a GPU where there is one

import torch
from torch import Tensor, nn

VISION_CONFIG = {
    "model": {"backbone": "eva02_tiny_patch4_16", "num_classes": 30, "input_size": 16},
    "training": {"batch_size": 16, "grad_accum_steps": 2, "use_amp": True, "max_grad_norm": 1.0},
}
DEVICE = "cpu"
TINTS, ANGLES = 6, 5  # a class is one of 6 tints and one of 5 angles
TRAIN_IMAGES, VAL_IMAGES, NOISE = 480, 240, 0.4
PATCH, WIDTH = 4, 48
EPOCHS, LEARNING_RATE, LABEL_SMOOTHING = 5, 5e-3, 0.1
Data = tuple[Tensor, Tensor]  # images and their classes
# Warnings as one line, without the path of the file that they come from.
warnings.formatwarning = lambda message, category, *_: f"{category.__name__}: {message}\n"


# ---- data ------------------------------------------------------------------------------------


def make_images(count: int, generator: torch.Generator) -> Data:
    """Normalised photos of striped textures, (count, 3, 16, 16), and their classes."""
    size = VISION_CONFIG["model"]["input_size"]
    label = torch.arange(count) % (TINTS * ANGLES)
    turn = torch.pi * (label % ANGLES) / ANGLES + 0.1 * torch.randn(count, generator=generator)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    along = x * turn.cos().view(-1, 1, 1) + y * turn.sin().view(-1, 1, 1)
    start = 2 * torch.pi * torch.rand(count, 1, 1, generator=generator)
    stripes = torch.sin(2 * torch.pi * along / 5 + start)
    hue = 2 * torch.pi * (label // ANGLES / TINTS + torch.arange(3).view(-1, 1) / 3)
    light = torch.cos(hue).T + 0.2 * torch.randn(count, 1, generator=generator)
    noise = NOISE * torch.randn(count, 3, size, size, generator=generator)
    return light[:, :, None, None] + stripes[:, None] + noise, label


# ---- model -----------------------------------------------------------------------------------


class WasteClassifier(nn.Module):
    """Patches to tokens, one block over them, their mean to 30 classes."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.block = nn.Sequential(nn.GELU(), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, config["model"]["num_classes"])

    def forward(self, images: Tensor) -> Tensor:
        token = self.patch_embed(images).flatten(2).transpose(1, 2)
        return self.head(self.norm((token + self.block(token)).mean(1)))


# ---- train -----------------------------------------------------------------------------------


def set_up_amp(config: dict, device: str) -> tuple[torch.autocast, torch.amp.GradScaler]:
    """Autocast and gradient scaler for the training loop."""
    use_amp = config["training"]["use_amp"]
    autocast = torch.autocast(device, torch.float16, use_amp)
    with autocast:  # ask the device, not the config
        half = torch.mm(*torch.ones(2, 2, 2, device=device)).dtype == torch.float16
    print(f"Mixed precision: asked for {use_amp}, runs on {device}: {half}")
    scaler = torch.amp.GradScaler(device, enabled=half)
    return autocast, scaler


def train(model: nn.Module, data: Data, autocast: torch.autocast, scaler: torch.amp.GradScaler) -> None:
    training = VISION_CONFIG["training"]
    accum = training["grad_accum_steps"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    criterion = nn.CrossEntropyLoss(label_smoothing=LABEL_SMOOTHING)
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        batches = torch.randperm(TRAIN_IMAGES).split(training["batch_size"])
        for batch_idx, chosen in enumerate(batches):
            with autocast:
                loss = criterion(model(data[0][chosen]), data[1][chosen])
            scaler.scale(loss / accum).backward()
            total += loss.item()
            if (batch_idx + 1) % accum == 0:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), training["max_grad_norm"])
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
        print(
            f"Epoch {epoch}/{EPOCHS} - train_loss: {total / len(batches):.4f}, scale: {scaler.get_scale():g}"
        )


# ---- evaluate --------------------------------------------------------------------------------


def measure_precision(model: nn.Module, autocast: torch.autocast, images: Tensor) -> tuple[float, float]:
    """Share of the layers whose output is half precision; MB that one batch keeps for the backward pass."""
    outputs: list[torch.dtype] = []
    kept: dict[int, int] = {}  # bytes of each tensor that autograd keeps
    weights = {parameter.data_ptr() for parameter in model.parameters()}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda *call: outputs.append(call[2].dtype))
    with autocast, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(images)
    return outputs.count(torch.float16) / len(outputs), sum(kept.values()) / 1e6


@torch.no_grad()
def evaluate(model: nn.Module, data: Data) -> float:
    return (model(data[0]).argmax(1) == data[1]).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_set, val_set = (make_images(count, generator) for count in (TRAIN_IMAGES, VAL_IMAGES))
    model = WasteClassifier(VISION_CONFIG)
    print(f"Device: {DEVICE}, model: {VISION_CONFIG['model']['backbone']}, {TRAIN_IMAGES} train images")
    autocast, scaler = set_up_amp(VISION_CONFIG, DEVICE)
    train(model, train_set, autocast, scaler)
    accuracy = evaluate(model, val_set)
    half_share, activation_mb = measure_precision(model, autocast, train_set[0][:64])
    print(f"Validation accuracy: {accuracy:.4f}, activations of 64 images: {activation_mb:.2f} MB")
    precision = {"half_share": half_share, "activation_mb": activation_mb, "loss_scale": scaler.get_scale()}
    metrics = precision | {"val_accuracy": accuracy}
    print("metrics", json.dumps({name: round(value, 4) for name, value in metrics.items()}))


if __name__ == "__main__":
    main()
