"""Jobs: trainings that outlive the request, or the event, that asked for them.

A job is a document in the store at ``SER_JOBS_URI``, so that nothing about it depends on a process
or a connection that lasts. Beside ``jobs/<job_id>.json`` lie ``claims/<identity>.json``, which
name the one job of an object that has arrived, and in a bucket ``requests/<job_id>.train.json``,
whose arrival has the job of a request run.
"""
