"""The custom resource definitions, generated from the documents of `taskjob.spec`."""
