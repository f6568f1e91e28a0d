import sys

from segmentation.jobs.command import main

if __name__ == "__main__":
    raise SystemExit(main(["status", *sys.argv[1:]]))
