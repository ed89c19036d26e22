"""Print the peak resident memory of a forward and a backward pass through the layer, batch by batch.

    python benchmarks/torch_memory.py
    python benchmarks/torch_memory.py --batch 1 2 4 8 --soft 0 --seconds 2

Each row is measured in a process of its own, after a warm-up on one short sound. "picture" is one picture in the
layer's precision; forward and backward hold a fixed number of these for each sound of the batch, and one job.
"""

import argparse
import resource
import subprocess
import sys
from time import process_time


def peak() -> float:  # MB
    "The largest resident memory that this process has had."
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(batch: int, sr: int, seconds: float, soft: float) -> str:  # a row of the table
    "Forward and backward of one batch in this process."
    import torch

    from spectral_hyperresolution.pytorch.layer import LinearReassignment

    torch.set_num_threads(1)
    layer = LinearReassignment(sr, soft=soft)
    generator = torch.Generator().manual_seed(0)
    sounds = torch.randn(batch, round(sr * seconds), generator=generator)
    small = LinearReassignment(sr, soft=soft, fmin=0.2 * sr, bins_per_octave=6)
    small(sounds[:1, :2000].clone().requires_grad_()).sum().backward()
    before, start = peak(), process_time()
    sounds.requires_grad_()
    picture = layer(sounds)
    forward = process_time()
    picture.square().sum().backward()
    done = process_time()
    assert sounds.grad is not None
    one = picture[0].numel() * picture.element_size() / 1e6
    return (
        f"| {batch} | {one:.1f} | {peak() - before:+.0f} | {forward - start:.1f} | {done - forward:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 2, 4], help="sounds at a time")
    parser.add_argument("--sr", type=int, default=16000, help="sampling rate [Hz]")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a sound [s]")
    parser.add_argument("--soft", type=float, default=1.0, help="width of a cell's soft edge [cells]")
    parser.add_argument("--here", action="store_true", help="measure in this process: one batch, one row")
    args = parser.parse_args()
    if args.here:
        print(measure(args.batch[0], args.sr, args.seconds, args.soft))
        return
    print("| batch | picture [MB] | peak of forward + backward [MB] | forward [s] | backward [s] |")
    print("| ---: | ---: | ---: | ---: | ---: |", flush=True)
    for batch in args.batch:
        command = [sys.executable, __file__, "--here", "--batch", str(batch), "--sr", str(args.sr)]
        command += ["--seconds", str(args.seconds), "--soft", str(args.soft)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
