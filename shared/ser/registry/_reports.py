"""The reports of models: pages that :mod:`ser.evaluation.report` has made, and no others."""

from __future__ import annotations

import re

MAX_BYTES = 10_000_000
"""Maximum size of a report in bytes; one has a few hundred thousand."""

ELEMENTS = (
    "audio|body|br|caption|clipPath|code|dd|defs|details|div|dl|dt|figcaption|figure|g|h1|h2|h3|head|"
    "header|html|image|li|main|meta|p|path|rect|section|small|strong|style|summary|svg|table|"
    "tbody|td|text|th|thead|title|tr|tspan|ul|use"
)
ATTRIBUTES = (
    "aria-label|charset|class|clip-path|colspan|content|controls|d|height|id|lang|name|preload|role|scope|style|"
    "tabindex|transform|type|version|viewBox|width|x|xmlns|xmlns:xlink|y"
)
"""Attributes with any value; there is none that leads to another place or runs a script."""
LINK = r'xlink:href="(?:#[\w.-]+|data:image/png;base64,[\w+/=\s]+)"'
SOUND = r'src="data:audio/mpeg;base64,[\w+/=]+"'
TAG = (
    rf"<!doctype html>|</(?:{ELEMENTS})>"
    rf'|<(?:{ELEMENTS})(?:\s+(?:(?:{ATTRIBUTES})="[^"<>]*"|{LINK}|{SOUND}))*\s*/?>'
)


def foreign_part(report: str) -> str | None:
    """Return the beginning of a part of ``report`` that no report of ser has; ``None`` if all of it
    consists of the elements and attributes of reports.

    Reports have no scripts, forms, frames, links to other pages, and nothing that is loaded.
    """
    # Not compiled before it is needed: predict must start fast.
    pattern = re.compile(TAG, re.IGNORECASE)
    position = report.find("<")
    while position >= 0:
        tag = pattern.match(report, position)
        if tag is None:
            return report[position : position + 40]
        position = report.find("<", tag.end())
    return None
