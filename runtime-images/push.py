"""Pushes the images that build.py built to a registry, and writes the values that name them there to the chart.

Each is pushed as REGISTRY/NAME:TAG; the digests are those that the registry has. Prints the file of values.

Usage: PYTHONPATH=e2e python runtime-images/push.py --registry registry.example.com/team --tag 0.1.0
"""

import argparse
import subprocess
import sys

from tool import Tool, find

from cluster.containerd import Loaded
from release.images import PLACES, VALUES, write_values


def main() -> int:
    """Push all images. Exit codes: 0 done, 1 the tool failed and said why, 2 bad usage."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--registry", required=True, help="HOST[:PORT][/PATH]")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--prefix", default="localhost/", help="what the images' names begin with here")
    parser.add_argument("--tool", choices=["buildah", "docker"])
    options = parser.parse_args()
    tool = find(options.tool)
    here = {name: f"{options.prefix}{name}:{options.tag}" for name in PLACES}
    if missing := [tag for tag in here.values() if not tool.has(tag)]:
        sys.exit(f"{tool.name} does not have these images: {', '.join(missing)}; make images")
    try:
        write_values({name: _pushed(tool, tag, name, options) for name, tag in here.items()})
    except subprocess.CalledProcessError as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    print(VALUES)
    return 0


def _pushed(tool: Tool, tag: str, name: str, options: argparse.Namespace) -> Loaded:
    target = f"{options.registry.rstrip('/')}/{name}:{options.tag}"
    digest = tool.push(tag, target)
    print(f"{target}@{digest}", file=sys.stderr, flush=True)
    return Loaded(target, digest)


if __name__ == "__main__":
    sys.exit(main())
