"""The alarms."""

from __future__ import annotations

from applied import IMAGES, TOPIC, Deployment


def test_alarms_watch_errors_throttles_slow_starts_and_failed_events(
    deployed: Deployment,
) -> None:
    alarms = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {}
    for alarm in alarms:
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
        of = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        metric = (alarm["Namespace"], alarm["MetricName"], *of.values())
        watched[alarm["AlarmName"]] = (metric, alarm["Statistic"], alarm["Threshold"])
    assert watched == {
        "ser-train-errors": (("AWS/Lambda", "Errors", "ser-train"), "Sum", 0),
        "ser-train-throttles": (("AWS/Lambda", "Throttles", "ser-train"), "Sum", 0),
        "ser-train-cold-start": (("ser", "train-cold-start"), "Average", 5000),
        "ser-predict-errors": (("AWS/Lambda", "Errors", "ser-predict"), "Sum", 0),
        "ser-predict-throttles": (("AWS/Lambda", "Throttles", "ser-predict"), "Sum", 0),
        "ser-predict-cold-start": (("ser", "predict-cold-start"), "Average", 5000),
        "ser-api-errors": (("AWS/ApiGateway", "5xx", deployed.api_id), "Sum", 0),
        "ser-dead-letters": (
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "ser-dead-letters"),
            "Maximum",
            0,
        ),
    }


def test_start_up_times_come_from_the_reports_of_lambda(deployed: Deployment) -> None:
    for name in IMAGES:
        (found,) = deployed.client("logs").describe_metric_filters(
            logGroupName=f"/aws/lambda/ser-{name}"
        )["metricFilters"]
        assert found["filterPattern"] == (
            '{ $.type = "platform.report" && $.record.metrics.initDurationMs = * }'
        )
        (metric,) = found["metricTransformations"]
        assert metric["metricNamespace"] == "ser"
        assert metric["metricName"] == f"{name}-cold-start"
        assert metric["metricValue"] == "$.record.metrics.initDurationMs"
        assert metric["unit"] == "Milliseconds"
