import sys

from segmentation.jobs.command import main

if __name__ == "__main__":
    raise SystemExit(main(["value", *sys.argv[1:]]))
