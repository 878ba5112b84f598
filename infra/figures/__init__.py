"""The figures of several corpora, beside the figures to reach and those of the first release."""
