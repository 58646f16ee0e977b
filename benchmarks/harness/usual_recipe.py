"""The usual recipe for TF-IDF with logistic regression, to compare the project's baseline with."""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def usual_recipe() -> tuple[TfidfVectorizer, LogisticRegression]:
    """Return the unfitted vectoriser and classifier of tutorials and the course."""
    terms = TfidfVectorizer(max_features=50_000, ngram_range=(1, 2))
    return terms, LogisticRegression(C=1.0, solver="lbfgs", max_iter=1000)
