"""The page in browsers: documents and the files that they load, the same for all callers.

``static/`` is plain HTML, CSS and ES modules, served as written; ``frame.html`` surrounds the main
part of each document. ``runtime/`` holds the few files of onnxruntime-web by which the page runs
models without a server: ``infra/page/runtime.py`` puts them there from npm, and a package that was
built without them has a page that says so.
"""
