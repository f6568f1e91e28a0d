from segmentation.jobs.publish_report import JOB
from segmentation.runtime import execute

if __name__ == "__main__":
    raise SystemExit(execute(JOB))
