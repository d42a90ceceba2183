"""Layer 10: rewards from matured metrics, the bandit, predictors, and what learning adds."""
