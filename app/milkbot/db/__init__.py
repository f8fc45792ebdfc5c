"""Models, sessions and repositories. All SQL of the platform is here and in the migrations."""
