from segmentation.jobs.forecast_churn import JOB
from segmentation.runtime import execute

if __name__ == "__main__":
    raise SystemExit(execute(JOB))
