"""small-text: strategies are asked with a classifier, a data set, and which of it is labelled."""

import numpy as np
import small_text as st
from clock import TimedLogisticRegression, clock
from sklearn.linear_model import LogisticRegression

STRATEGIES = {
    "random": "RandomSampling",
    "least_confidence": "LeastConfidence",
    "margin": "BreakingTies",
    "entropy": "PredictionEntropy",
    "k_center": "GreedyCoreset",
    "discriminative": "DiscriminativeActiveLearning",
    "contrastive": "ContrastiveActiveLearning",
}


class _Embedding(st.SklearnClassifier):
    """The features are their own embedding: scikit-learn models have no other."""

    def embed(self, dataset, return_proba=False, pbar=None):
        return (dataset.x, self.predict_proba(dataset)) if return_proba else dataset.x


def start(strategy, X, y, task):
    n_classes = int(y.max()) + 1
    np.random.seed(0)  # noqa: NPY002 - that is where small-text takes its chance from
    dataset = st.SklearnDataset(X, y, target_labels=np.arange(n_classes))
    main = _Embedding(TimedLogisticRegression(C=task.C, max_iter=task.max_iter), n_classes)
    settings = {}
    if strategy == "k_center":
        settings = {"normalize": False}  # Euclidean distances of the features as they are, as in the others
    elif strategy == "contrastive":
        settings = {"pbar": None}
    elif strategy == "discriminative":
        plain = LogisticRegression(C=task.C, max_iter=task.max_iter)
        settings = {
            "classifier_factory": st.SklearnClassifierFactory(plain, 2),
            "num_iterations": 10,
            "pbar": None,
        }
    query = getattr(st, STRATEGIES[strategy])(**settings)

    def one_round(labeled):
        with clock("other"):
            unlabeled = np.setdiff1d(np.arange(len(y)), labeled)
        with clock("train"):
            main.fit(dataset[labeled])
        with clock("select"):
            return query.query(main, dataset, unlabeled, labeled, y[labeled], n=task.batch)

    return one_round
