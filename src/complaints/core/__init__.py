"""Foundations of every stage: errors, files, checked parameters, schemas, paths. A change here reruns every stage."""
