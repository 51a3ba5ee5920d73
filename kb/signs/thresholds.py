"""Every threshold of the signs, in one place, each with its reason.

They were set by looking at logs of healthy and of broken runs in many formats, not at the cases alone.
"""

MIN_POINTS = 3
"""Fewer points have no shape: two equal values may be chance."""

MIN_TREND_POINTS = 4
"""A trend or a plateau needs a beginning and an end of two points each."""

FLAT_RANGE = 0.02
"""Highest minus lowest over the mean of the curve's second part: a loss that learns moves by more."""

FLAT_DRIFT = 0.02
"""Change between the means of both halves over their mean. Noise around one value averages out below it."""

NOISE_FLAT_RANGE = 0.25
"""A noisy loss without drift still counts as flat up to this range; beyond it is noise, not a plateau."""

FALL = 0.15
"""Share of its first level that a loss must lose to be said to fall: label noise and warmup move it by less."""

SLOW_FALL = 0.03
"""A loss that falls in nearly every record, and by less than this in all, learns too slowly to be of use."""

RISE = 0.10
"""Share above its lowest level at which a curve has risen again."""

DIVERGED = 10.0
"""Times its first level: a loss that is ten times worse than untrained has diverged."""

SPIKE = 3.0
"""Times the median of its neighbourhood that a single record must reach to be a spike."""

SPIKE_NOISE = 8.0
"""And as many times the median absolute step between records, so that a noisy curve does not count as spiky."""

SPIKE_LEAST = 0.05
"""And of the first loss: a jump from 0.0001 to 0.001 at the end of a run is none."""

NOISY = 0.15
"""Half the median change from one step to the next, over the level: healthy batch losses stay below."""

NEAR = 0.012
"""Relative distance at which a plateau counts as being at a known value (ln 2, ln of the classes, the margin)."""

MARGIN_NEAR = 0.06
"""Triplet losses hover a few percent above or below the margin when embeddings collapse."""

CHANCE_NEAR = 0.25
"""Relative distance from chance: an accuracy of 0.12 for ten classes is chance."""

CHANCE_SLACK = 0.02
"""And absolute distance, for many classes."""

CHANCE_LOSS = 0.85
"""A model that guesses comes down to ln(classes), give or take this share: so the lowest loss says how many classes
there are at least."""

MAX_GUESSED_CLASSES = 20
"""Without a printed number of classes, ln(k) is dense for large k and would fit every plateau."""

GAP = 1.5
"""Validation loss over training loss from which the gap is worth a word."""

WIDE_GAP = 5.0
"""And from which validation has gone wrong in another way than by overfitting."""

RATIO_SPREAD = 0.12
"""Standard deviation over mean of val over train, for a ratio to be called constant."""

RATIO_MIN = 1.7
"""Below, a constant ratio is an ordinary gap: two is the least number of accumulation steps."""

ACC_GAP = 0.2
"""Training accuracy minus validation accuracy, as shares."""

STUCK_HIGH = 0.7
"""An accuracy above this that never moves is the share of the largest class."""

ZERO_GRAD = 1e-12
"""Norms below are 0: the report's own gate used the same number."""

TINY_GRAD = 1e-6
"""Gradient norms below barely move fp32 weights of order 1 at usual learning rates."""

LARGE_GRAD = 100.0
"""Norms above are far over every usual clipping threshold (1 to 10)."""

GROWTH = 3.0
"""Times its start that a quantity must reach, in nearly every record, to grow steadily."""

LR_FLOOR_EARLY = 0.3
"""Share of the run by which a rate that will stay at its lowest should not have got there."""

LR_FLOOR = 0.02
"""Share of its peak at which a learning rate is at its floor."""

LR_HIGH = 1.0
"""A printed rate above 1 is beyond all usual optimizers."""

LR_TINY = 1e-7
"""A rate that never exceeds this hardly moves anything in fp32."""

ZERO_LOSS = 1e-6
"""A loss below, early, is no training success: it is counted, masked or printed wrongly."""

EARLY = 0.34
"""The first part of a run."""

HIGH_FIRST = 20.0
"""Times the later level that a first loss must be: unscaled inputs or targets, or a bad start."""

GUESSED_LOSS = 8.0
"""Times the cross-entropy of a guess, minus the logarithm of the first accuracy, for a first loss to be far above it: a
confident untrained model has two to five times, and a first epoch ends below it."""

SAME_SCALE = 3.0
"""Ratio of the first training and validation losses up to which both are means: sums over the batches of two sets of
unequal size differ by more."""

NEGATIVE_GROWTH = 3.0
"""Times its first negative level: a loss without a lower bound."""

MEMORY_GROWTH = 1.3
"""Times its first value; allocators warm up by less after the first records."""

DOUBLE_SOFTMAX_ACCURACY = 0.6
"""A model at the floor of a double softmax predicts well; a poor one is at that loss for another reason."""

TEST_GAP = 0.15
"""Share by which a test score must lie below the validation score: more than chance in a small set."""

AVERAGE_SHARE = 0.7
"""Share of the raw score below which averaged weights are not merely a little behind."""

NEAR_PERFECT = 0.93
"""Accuracy or area under the curve at which a cross-entropy should be small."""

HIGH_LOSS = 0.4
"""A cross-entropy above this, at a near perfect score, is a floor."""

HUGE_LOSS = 10.0
"""A loss above this is no cross-entropy."""

SIGMOID_OF_0 = 0.4995
"""What a second sigmoid makes of a probability of 0, to the digits that are printed."""

SIGMOID_OF_1 = 0.7315
"""And of a probability of 1."""

DEAD_SHARE = 0.95
"""Units of a layer that give 0; a healthy ReLU layer has about half."""

KL_SHARE = 0.02
"""Share of the other term below which a KL term says nothing."""

MIN_CLASSES = 3
"""Columns that look like the scores of classes."""

CLASS_ZERO = 0.01
"""Score of a class that is lost."""

CLASS_WELL = 0.4
"""Median score of the classes, of which one is lost."""

SAME_SCORE = 1e-6
"""Difference of two scores of the same weights, for which rounding answers."""
