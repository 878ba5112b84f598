"""Jobs: trainings that outlive the request or the event that started them.

A job is a document in the store at ``SER_JOBS_URI``, so it depends on no long-lived process or
connection. Beside ``jobs/<job_id>.json`` the store holds ``claims/<identity>.json``, which names
the single job of an object that has arrived, and in a bucket ``requests/<job_id>.train.json``,
whose arrival starts the job of a request.
"""
