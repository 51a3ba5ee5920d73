"""Logs of trainers that were once read wrong."""

import pytest

from kb.read import read_text
from kb.signs import Answer, measure_signs

DETECTION = """\
      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
       1/50      2.34G      1.671      3.271      1.812         24        640: 100%|██████████| 120/120 [00:31<00:00,  3.83it/s]
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 12/12 [00:04<00:00,  2.61it/s]
                   all        200       1043      0.412      0.318      0.301      0.142

      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
       2/50      2.41G      1.502      2.214      1.703         18        640: 100%|██████████| 120/120 [00:30<00:00,  3.93it/s]
                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|██████████| 12/12 [00:04<00:00,  2.71it/s]
                   all        200       1043      0.482      0.358      0.361      0.182
"""
CLASSES = """\
      Epoch    GPU_mem       loss  Instances       Size
       1/10      0.86G      2.301         16        224: 100%|██████████| 20/20 [00:02<00:00,  8.11it/s]
               classes   top1_acc   top5_acc: 100%|██████████| 5/5 [00:00<00:00, 12.30it/s]
                   all      0.125      0.625

      Epoch    GPU_mem       loss  Instances       Size
       2/10      0.86G      1.911         16        224: 100%|██████████| 20/20 [00:02<00:00,  8.31it/s]
               classes   top1_acc   top5_acc: 100%|██████████| 5/5 [00:00<00:00, 12.10it/s]
                   all      0.225      0.665
"""
FAIRSEQ = """\
epoch 001 | loss 5.21 | ppl 37.1 | wps 4000 | lr 0.0001
epoch 001 | valid on 'valid' subset | loss 4.91 | ppl 30.1 | num_updates 100
epoch 002 | loss 4.21 | ppl 18.1 | wps 4000 | lr 0.0002
epoch 002 | valid on 'valid' subset | loss 4.71 | ppl 26.1 | num_updates 200
"""
COURSE = """\
Cost after iteration 0: 0.694102
Cost after iteration 100: 0.231377
"""
UPDATES = """\
t=09:12:44 upd=20310 huber=0.0418 gn=0.71
t=09:12:45 upd=20320 huber=0.0409 gn=0.66
"""
STOPPER = """\
Epoch 1 train loss 0.9 val loss 0.8
Validation score improved (inf --> 0.3108). Saving model ...
Epoch 2 train loss 0.8 val loss 0.7
Validation score improved (0.3108 --> 0.2908). Saving model ...
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (DETECTION, {"box_loss": [1.671, 1.502], "map50_95": [0.142, 0.182]}),
        (CLASSES, {"train_loss": [2.301, 1.911], "top1_acc": [0.125, 0.225]}),
        (FAIRSEQ, {"train_loss": [5.21, 4.21], "val_loss": [4.91, 4.71]}),
        (COURSE, {"train_loss": [0.694102, 0.231377]}),
        (UPDATES, {"huber": [0.0418, 0.0409]}),
        (STOPPER, {"train_loss": [0.9, 0.8], "val_loss": [0.8, 0.7]}),
    ],
    ids=["ultralytics-detect", "ultralytics-classify", "fairseq-old", "course", "updates", "early-stopper"],
)
def test_series(text: str, wanted: dict[str, list[float]]) -> None:
    log = read_text(text)
    assert log.count == 2
    assert not log.has_nan
    for name, values in wanted.items():
        assert list(log.series[name].values) == values
    assert all(value < 1e6 for one in log.series.values() for value in one.values)


def test_equal_lines_below_different_headings_are_different_records() -> None:
    log = read_text("".join(f"Epoch {n}/4\n20/20 - loss: nan - val_loss: nan\n" for n in range(1, 5)))
    assert log.count == 4
    assert (log.x_first, log.x_last) == (1, 4)


@pytest.mark.parametrize(
    ("sign", "line"),
    [
        ("early-stopped", "WARNING:tensorflow:Early stopping conditioned on metric `val_acc` which is not available."),
        ("no-steps", "Test: [   0/0]  loss 0.5"),
        ("val-nan-only", "Validation score improved (inf --> 0.3108). Saving model ..."),
    ],
)
def test_signs_that_are_not_there(sign: str, line: str) -> None:
    findings = measure_signs(read_text(f"epoch 1 loss 0.9 val loss 0.8\n{line}\nepoch 2 loss 0.8 val loss 0.7\n"))
    assert findings[sign].answer is not Answer.SEEN


def test_a_sentence_above_a_log_is_no_heading() -> None:
    bars = "".join(f"Epoch {n}/9\n99/99 [====] - 9s - loss: 5.7{n}78 - acc: 0.6446\n" for n in range(1, 5))
    log = read_text("loss and acc don't change during each epoch\n" + bars)
    assert log.count == 4
    assert list(log.series["train_acc"].values) == [0.6446] * 4
