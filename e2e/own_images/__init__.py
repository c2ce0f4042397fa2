"""Images as users of Funclet make them: each brings its own runtime, and none has a file of Funclet's."""
