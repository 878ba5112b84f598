"""The detector of speech: its weights, and how often it is right.

``python -m detector fit`` computes ``ser/sounds/_speech_weights.py`` from one set of sounds;
``python -m detector measure`` counts the decisions on another (docs/speech.md).
"""
