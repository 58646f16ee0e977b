"""What every stage rests on: errors, files, checked parameters, schemas, paths. A change here reruns everything."""
