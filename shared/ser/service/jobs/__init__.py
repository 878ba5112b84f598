"""Jobs: trainings and predictions that outlive the request or the event that started them.

A job is a document in the store at ``SER_JOBS_URI``, so it depends on no long-lived process or
connection. Beside ``jobs/<job_id>.json`` (trainings) and ``predictions/<job_id>.json`` the store
holds ``claims/<identity>.json``, which names the single job of an object that has arrived,
``requests/<job_id>.predict.json`` with the sounds of a prediction until it has ended, and in a
bucket ``requests/<job_id>.train.json``. In a bucket the arrival of a request starts its job.
"""
