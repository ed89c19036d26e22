"""Print what a picture and its gradient cost, beside other layers in front of a network.

    python benchmarks/front_ends.py
    python benchmarks/front_ends.py --batch 1 --seconds 4 --repeat 5
    python benchmarks/front_ends.py --device cuda --repeat 9

Processor time of one thread, the least of several runs; on another device the time by the clock until it has done its
work, and what our layer takes there without its kernels. torchaudio and nnAudio take part where they are installed
(`pip install torchaudio nnAudio`); neither is needed for anything else. All have the same hop. "× mel" is the time for
forward and backward together over that of torchaudio's mel spectrogram.
"""

import argparse
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from time import perf_counter, process_time
from unittest.mock import patch

import torch

from spectral_hyperresolution.pytorch import engine
from spectral_hyperresolution.pytorch.layer import LinearReassignment


def front_ends(sr: int, hop: int) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    "Layers by name, those that are installed."
    found: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    if find_spec("torchaudio"):
        from torchaudio.transforms import MelSpectrogram  # type: ignore[import-not-found, import-untyped, unused-ignore]

        found[f"torchaudio {version('torchaudio')}, mel, 64 bands"] = MelSpectrogram(
            sr, n_fft=1024, hop_length=hop, n_mels=64
        )
    if find_spec("nnAudio"):
        from nnAudio.features import CQT1992v2  # type: ignore[import-not-found, import-untyped, unused-ignore]

        found[f"nnAudio {version('nnAudio')}, CQT, 7 octaves of 12"] = CQT1992v2(
            sr, hop_length=hop, fmin=sr / 291, n_bins=84, bins_per_octave=12, verbose=False
        )
    for soft in (False, 0.3, True):
        found[f"LinearReassignment, soft={soft}"] = LinearReassignment(sr, hop_length=hop, soft=soft)
    return found


def least(repeat: int, run: Callable[[], object], cuda: bool = False) -> float:  # [s]
    "The least time of several runs after one that is not counted: of the processor, or until a card is done."
    times, clock = [], perf_counter if cuda else process_time
    for _ in range(repeat + 1):
        start = clock()
        run()
        if cuda: torch.cuda.synchronize()
        times.append(clock() - start)
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8, help="sounds at a time")
    parser.add_argument("--sr", type=int, default=16000, help="sampling rate [Hz]")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a sound [s]")
    parser.add_argument("--hop", type=int, default=40, help="output time stride [samples]")
    parser.add_argument("--device", default="cpu", help="a torch device: cpu or cuda")
    parser.add_argument("--repeat", type=int, default=3, help="runs, of which the least counts")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    device, cuda = torch.device(args.device), torch.device(args.device).type == "cuda"
    sounds = torch.randn(args.batch, round(args.sr * args.seconds), generator=torch.Generator().manual_seed(0))
    sounds = sounds.to(device)
    leaf = sounds.clone().requires_grad_()
    mel, time = None, partial(least, args.repeat, cuda=cuda)
    where = f"{torch.cuda.get_device_name(device)}, by the clock" if cuda else "one thread of a CPU, processor time"
    batch = f"{args.batch} sounds of {args.seconds:g} s at {args.sr} Hz, hop {args.hop}"
    print(f"{batch}; torch {torch.__version__}; {where}\n")
    print("| layer | forward [ms] | forward + backward [ms] | of its forward | × mel, forward | × mel |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for name, layer in front_ends(args.sr, args.hop).items():
        layer, ours = layer.to(device), name.startswith("LinearReassignment")
        for way in ("", ", torch's own steps")[:1 + (cuda and ours)]:
            with patch.object(engine, "_fused", lambda x: False) if way else nullcontext():
                with torch.no_grad(): forward = time(lambda layer=layer: layer(sounds))
                both = time(lambda layer=layer: layer(leaf).square().sum().backward())
            mel = mel or ((forward, both) if "mel" in name else None)
            beside = [f"{a / b:.1f}" for a, b in zip((forward, both), mel, strict=True)] if mel else ["–", "–"]
            print(f"| {name}{way} | {1e3 * forward:.3g} | {1e3 * both:.3g} | {both / forward:.1f} | "
                  f"{' | '.join(beside)} |", flush=True)


if __name__ == "__main__":
    main()
