"""Attributions: the shares of a text's words in a class's score, by integrated gradients or, of TF-IDF, exactly."""
