"""Reading of log text: print styles of many trainers, each with every number that must be found."""

import math

import pytest

from kb.read import EventKind, read_text

NAN = math.nan

# fmt: off
STYLES = [
    pytest.param(
        """0:	learn: 0.6931	test: 0.6930	best: 0.6930 (0)	total: 50ms	remaining: 5s
10:	learn: 0.5931	test: 0.6130	best: 0.6130 (10)	total: 550ms	remaining: 4.5s
20:	learn: 0.4931	test: 0.5930	best: 0.5930 (20)	total: 950ms	remaining: 4s
""",
        'step', [0, 10, 20],
        {'train_loss': [0.6931, 0.5931, 0.4931], 'test_loss': [0.693, 0.613, 0.593]},
        id='catboost',
    ),
    pytest.param(
        """2023/05/01 10:00:00 - mmengine - INFO - Epoch(train)  [1][ 50/100]  lr: 1.0000e-02  eta: 0:10:00  time: 0.5101  data_time: 0.0101  memory: 1234  loss: 0.5100  loss_cls: 0.3
2023/05/01 10:00:40 - mmengine - INFO - Epoch(train)  [1][100/100]  lr: 1.0000e-02  eta: 0:10:00  time: 0.5101  data_time: 0.0101  memory: 1234  loss: 0.4100  loss_cls: 0.2
2023/05/01 10:00:41 - mmengine - INFO - Epoch(val) [1][10/10]    accuracy/top1: 71.2000  data_time: 0.0019  time: 0.0107
2023/05/01 10:01:00 - mmengine - INFO - Epoch(train)  [2][ 50/100]  lr: 1.0000e-02  eta: 0:10:00  time: 0.5101  data_time: 0.0101  memory: 1234  loss: 0.3100  loss_cls: 0.1
2023/05/01 10:01:41 - mmengine - INFO - Epoch(val) [2][10/10]    accuracy/top1: 73.2000  data_time: 0.0019  time: 0.0107
""",
        'epoch', [1, 1, 2],
        {'lr': [0.01, 0.01, 0.01], 'train_loss': [0.51, 0.41, 0.31], 'loss_cls': [0.3, 0.2, 0.1], 'accuracy_top1': [71.2, 73.2]},
        id='mmengine',
    ),
    pytest.param(
        """[05/01 10:00:00 d2.utils.events]:  eta: 0:10:00  iter: 19  total_loss: 1.234  loss_cls: 0.5  loss_box_reg: 0.11  time: 0.3011  last_time: 0.2  data_time: 0.0411  last_data_time: 0.1   lr: 0.0001  max_mem: 2000M
[05/01 10:00:10 d2.utils.events]:  eta: 0:09:50  iter: 39  total_loss: nan  loss_cls: nan  loss_box_reg: nan  time: 0.3011  last_time: 0.2  data_time: 0.0411  last_data_time: 0.1   lr: 0.0002  max_mem: 2000M
""",
        'step', [19, 39],
        {'train_loss': [1.234, NAN], 'loss_cls': [0.5, NAN], 'loss_box_reg': [0.11, NAN], 'lr': [0.0001, 0.0002]},
        id='detectron2',
    ),
    pytest.param(
        """2023-01-01 10:00:00.123456: 
epoch:  0
2023-01-01 10:02:00.123456: train loss : -0.1234
2023-01-01 10:02:10.123456: validation loss: -0.2001
2023-01-01 10:02:10.123456: Average global foreground Dice: [0.5, 0.6]
2023-01-01 10:02:10.123456: (interpret this as an estimate for the Dice of the different classes. This is not exact.)
2023-01-01 10:02:11.123456: lr: 0.00991
2023-01-01 10:02:11.123456: This epoch took 120.123 s

2023-01-01 10:02:12.123456: 
epoch:  1
2023-01-01 10:04:00.123456: train loss : -0.3234
2023-01-01 10:04:10.123456: validation loss: -0.4001
2023-01-01 10:04:10.123456: Average global foreground Dice: [0.7, 0.8]
2023-01-01 10:04:11.123456: lr: 0.00981
2023-01-01 10:04:11.123456: This epoch took 119.123 s
""",
        'epoch', [0, 1],
        {'train_loss': [-0.1234, -0.3234], 'val_loss': [-0.2001, -0.4001], 'average_global_foreground_dice': [0.5, 0.7], 'lr': [0.00991, 0.00981]},
        id='nnunet1',
    ),
    pytest.param(
        """2024-01-01 10:00:00.12: 
2024-01-01 10:00:00.12: Epoch 0
2024-01-01 10:00:00.12: Current learning rate: 0.01
2024-01-01 10:01:00.12: train_loss -0.0234
2024-01-01 10:01:00.12: val_loss -0.1001
2024-01-01 10:01:00.12: Pseudo dice [0.8, 0.1]
2024-01-01 10:01:00.12: Epoch time: 60.12 s
2024-01-01 10:01:00.12: Yayy! New best EMA pseudo Dice: 0.45
2024-01-01 10:01:01.12: 
2024-01-01 10:01:01.12: Epoch 1
2024-01-01 10:01:01.12: Current learning rate: 0.00999
2024-01-01 10:02:00.12: train_loss -0.2234
2024-01-01 10:02:00.12: val_loss -0.3001
2024-01-01 10:02:00.12: Pseudo dice [0.85, 0.2]
2024-01-01 10:02:00.12: Epoch time: 59.12 s
""",
        'epoch', [0, 1],
        {'lr': [0.01, 0.00999], 'train_loss': [-0.0234, -0.2234], 'val_loss': [-0.1001, -0.3001], 'pseudo_dice': [0.8, 0.85]},
        id='nnunet2',
    ),
    pytest.param(
        """ iteration       10/  500000 | consumed samples:          160 | elapsed time per iteration (ms): 1000.0 | learning rate: 1.5E-06 | global batch size:    16 | lm loss: 1.043532E+01 | loss scale: 4294967296.0 | grad norm: 10.232 | number of skipped iterations:  10 | number of nan iterations:   0 |
 iteration       20/  500000 | consumed samples:          320 | elapsed time per iteration (ms): 1000.0 | learning rate: 3.0E-06 | global batch size:    16 | lm loss: 9.943532E+00 | loss scale: 2147483648.0 | grad norm: 8.232 | number of skipped iterations:  0 | number of nan iterations:   0 |
""",
        'step', [10, 20],
        {'lr': [1.5e-06, 3e-06], 'lm_loss': [10.43532, 9.943532], 'loss_scale': [4294967296.0, 2147483648.0], 'grad_norm': [10.232, 8.232], 'skipped': [10.0, 0.0], 'number_of_nan_iterations': [0.0, 0.0]},
        id='megatron',
    ),
    pytest.param(
        """INFO:tensorflow:loss = 2.3021, step = 0
INFO:tensorflow:global_step/sec: 10.12
INFO:tensorflow:loss = 1.8, step = 100 (9.8 sec)
INFO:tensorflow:Saving checkpoints for 200 into /tmp/model.ckpt.
INFO:tensorflow:loss = 1.2, step = 200 (9.9 sec)
INFO:tensorflow:Saving dict for global step 200: accuracy = 0.51, global_step = 200, loss = 1.25
""",
        'step', [0, 100, 200],
        {'train_loss': [2.3021, 1.8, 1.2], 'val_acc': [0.51], 'val_loss': [1.25]},
        id='tf-estimator',
    ),
    pytest.param(
        """step 0: train loss 4.2874, val loss 4.2823
iter 0: loss 4.2654, time 31636.32ms, mfu -100.00%
iter 10: loss 3.2457, time 21.52ms, mfu 17.32%
iter 20: loss 2.7914, time 21.52ms, mfu 17.32%
step 250: train loss 1.9655, val loss 2.0644
iter 250: loss 2.0383, time 3600.14ms, mfu 15.7%
""",
        'step', [0, 10, 20, 250],
        {'train_loss': [4.2654, 3.2457, 2.7914, 2.0383], 'val_loss': [4.2823, 2.0644]},
        id='nanogpt',
    ),
    pytest.param(
        """1|20|Loss: 1.5123:   1%|          | 20/2000 [00:10<10:00, 1.01it/s]
1|21|Loss: 1.4123:   1%|          | 21/2000 [00:11<10:00, 1.01it/s]
1|22|Loss: 1.3123:   1%|          | 22/2000 [00:12<10:00, 1.01it/s]
""",
        'epoch', [1],
        {'train_loss': [1.3123]},
        id='torchtune',
    ),
    pytest.param(
        """E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE 
---  ------  ------------  --------  ------  ------  ------  ------
  0       0          0.00     45.12    0.00    0.00    0.00    0.00
  1     200        102.13   1834.51   62.10   65.00   59.45    0.62
  3     400         55.40    700.20   71.10   75.00   67.45    0.71
""",
        'epoch', [0, 1, 3],
        {'loss_tok2vec': [0.0, 102.13, 55.4], 'loss_ner': [45.12, 1834.51, 700.2], 'ents_f': [0.0, 62.1, 71.1], 'ents_p': [0.0, 65.0, 75.0], 'ents_r': [0.0, 59.45, 67.45], 'score': [0.0, 0.62, 0.71]},
        id='spacy',
    ),
    pytest.param(
        """[2021-01-01 10:00:00,123 INFO] Step 50/100000; acc:   3.51; ppl: 1000.12; xent: 6.91; lr: 1.00000; 3000/4000 tok/s;    10 sec
[2021-01-01 10:00:10,123 INFO] Step 100/100000; acc:   5.51; ppl: 800.12; xent: 6.71; lr: 1.00000; 3000/4000 tok/s;    20 sec
[2021-01-01 10:00:12,123 INFO] Validation perplexity: 740.1
[2021-01-01 10:00:12,123 INFO] Validation accuracy: 8.1
""",
        'step', [50, 100],
        {'train_acc': [3.51, 5.51], 'perplexity': [1000.12, 800.12], 'xent': [6.91, 6.71], 'lr': [1.0, 1.0], 'val_perplexity': [740.1], 'val_acc': [8.1]},
        id='opennmt',
    ),
    pytest.param(
        """[2021-01-01 10:00:00] Ep. 1 : Up. 1000 : Sen. 100,000 : Cost 7.51234567 : Time 10.00s : 5000.00 words/s
[2021-01-01 10:00:10] Ep. 1 : Up. 2000 : Sen. 200,000 : Cost 6.51234567 : Time 10.00s : 5000.00 words/s
[2021-01-01 10:00:20] Ep. 2 : Up. 3000 : Sen. 300,000 : Cost 5.51234567 : Time 10.00s : 5000.00 words/s
""",
        'step', [1000, 2000, 3000],
        {'train_loss': [7.51234567, 6.51234567, 5.51234567]},
        id='marian',
    ),
    pytest.param(
        """[1m > EPOCH: 0/1000[0m
   --> STEP: 24/100 -- GLOBAL_STEP: 25
     | > loss: 0.51234  (0.61234)
     | > grad_norm: 1.23 (1.1)
     | > current_lr: 0.0001 
   --> STEP: 49/100 -- GLOBAL_STEP: 50
     | > loss: 0.41234  (0.51234)
     | > grad_norm: 1.13 (1.1)
     | > current_lr: 0.0001 
""",
        'step', [25, 50],
        {'train_loss': [0.51234, 0.41234], 'grad_norm': [1.23, 1.13], 'lr': [0.0001, 0.0001]},
        id='coqui',
    ),
    pytest.param(
        """2021-08-01 10:00:00 | INFO     | yolox.core.trainer:270 - epoch: 1/300, iter: 10/100, mem: 5000Mb, iter_time: 0.512s, data_time: 0.001s, total_loss: 15.1, iou_loss: 4.1, l1_loss: 0.0, conf_loss: 9.1, cls_loss: 1.9, lr: 1.000e-06, size: 640, ETA: 1:00:00
2021-08-01 10:00:10 | INFO     | yolox.core.trainer:270 - epoch: 1/300, iter: 20/100, mem: 5000Mb, iter_time: 0.512s, data_time: 0.001s, total_loss: 14.1, iou_loss: 4.0, l1_loss: 0.0, conf_loss: 8.1, cls_loss: 1.8, lr: 4.000e-06, size: 640, ETA: 1:00:00
""",
        'step', [10, 20],
        {'train_loss': [15.1, 14.1], 'iou_loss': [4.1, 4.0], 'l1_loss': [0.0, 0.0], 'conf_loss': [9.1, 8.1], 'cls_loss': [1.9, 1.8], 'lr': [1e-06, 4e-06]},
        id='yolox',
    ),
    pytest.param(
        'Steps:   1%|          | 10/1000 [00:10<10:00,  1.01it/s, loss=0.123, lr=1e-5]\rSteps:   1%|          | 11/1000 [00:11<10:00,  1.01it/s, loss=0.113, lr=1e-5]\rSteps: 100%|#######| 1000/1000 [00:11<00:00,  1.01it/s, loss=0.0113, lr=1e-5]\n',
        'step', [1000],
        {'train_loss': [0.0113], 'lr': [1e-05]},
        id='accelerate-tqdm',
    ),
    pytest.param(
        'Epoch 1/3\n\r 1/30 [>.............................] - ETA: 10s - loss: 0.7001 - accuracy: 0.5\x08\x08\x08\x08\r30/30 [==============================] - 1s 20ms/step - loss: 0.6931 - accuracy: 0.5012 - val_loss: 0.6930 - val_accuracy: 0.4980\nEpoch 2/3\n30/30 [==============================] - 1s 20ms/step - loss: 0.6931 - accuracy: 0.5012 - val_loss: 0.6930 - val_accuracy: 0.4980 - lr: 0.0010\n',
        'epoch', [1, 2],
        {'train_loss': [0.6931, 0.6931], 'train_acc': [0.5012, 0.5012], 'val_loss': [0.693, 0.693], 'val_acc': [0.498, 0.498], 'lr': [0.001]},
        id='keras2',
    ),
    pytest.param(
        'Epoch 1/2\n\x1b[1m 1/30\x1b[0m \x1b[37m━━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m1s\x1b[0m 53ms/step - accuracy: 0.28 - loss: 1.4\x08\x08\x08\r\x1b[1m30/30\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - accuracy: 0.58 - loss: 1.1 - val_accuracy: 0.6 - val_loss: 1.0\nEpoch 2/2\n\x1b[1m30/30\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - accuracy: 0.68 - loss: 0.9 - val_accuracy: 0.7 - val_loss: 0.8\n',
        'epoch', [1, 2],
        {'train_acc': [0.58, 0.68], 'train_loss': [1.1, 0.9], 'val_acc': [0.6, 0.7], 'val_loss': [1.0, 0.8]},
        id='keras3',
    ),
    pytest.param(
        """1: 1200.512, 1200.512 avg loss, 0.000000 rate, 5.012 seconds, 64 images, 10.1 hours left
2: 1190.512, 1199.512 avg loss, 0.000000 rate, 5.012 seconds, 128 images, 10.1 hours left
3: 1180.512, 1197.512 avg loss, 0.000000 rate, 5.012 seconds, 192 images, 10.1 hours left
""",
        'step', [1, 2, 3],
        {'train_loss': [1200.512, 1199.512, 1197.512]},
        id='darknet',
    ),
    pytest.param(
        """I0101 10:00:00.123456 12345 solver.cpp:228] Iteration 0, loss = 2.3026
I0101 10:00:00.123456 12345 solver.cpp:244]     Train net output #0: loss = 2.3026 (* 1 = 2.3026 loss)
I0101 10:00:00.123456 12345 sgd_solver.cpp:106] Iteration 0, lr = 0.01
I0101 10:00:10.123456 12345 solver.cpp:228] Iteration 100, loss = 1.3026
I0101 10:00:10.123456 12345 solver.cpp:244]     Train net output #0: loss = 1.3026 (* 1 = 1.3026 loss)
I0101 10:00:10.123456 12345 sgd_solver.cpp:106] Iteration 100, lr = 0.01
""",
        'step', [0, 100],
        {'train_loss': [2.3026, 1.3026], 'lr': [0.01, 0.01]},
        id='caffe',
    ),
    pytest.param(
        """I0501 10:00:00.123456 140 logging_writer.py:48] [100] accuracy=0.51, loss=1.20, train_learning_rate=0.01
I0501 10:00:10.123456 140 logging_writer.py:48] [200] accuracy=0.61, loss=1.00, train_learning_rate=0.01
I0501 10:00:10.123456 140 logging_writer.py:48] [200] eval_accuracy=0.6, eval_loss=1.1
""",
        'step', [100, 200],
        {'train_acc': [0.51, 0.61], 'train_loss': [1.2, 1.0], 'lr': [0.01, 0.01], 'val_acc': [0.6], 'val_loss': [1.1]},
        id='flax',
    ),
    pytest.param(
        """Epoch: 01 | Epoch Time: 0m 8s
	Train Loss: 0.693 | Train Acc: 50.12%
	 Val. Loss: 0.693 |  Val. Acc: 49.90%
Epoch: 02 | Epoch Time: 0m 8s
	Train Loss: 0.692 | Train Acc: 50.32%
	 Val. Loss: 0.693 |  Val. Acc: 49.90%
""",
        'epoch', [1, 2],
        {'train_loss': [0.693, 0.692], 'train_acc': [50.12, 50.32], 'val_loss': [0.693, 0.693], 'val_acc': [49.9, 49.9]},
        id='hand tutorial',
    ),
    pytest.param(
        """[1,  2000] loss: 2.173
[1,  4000] loss: 1.823
[2,  2000] loss: 1.373
[2,  4000] loss: 1.323
Finished Training
Accuracy of the network on the 10000 test images: 55 %
""",
        'epoch', [1, 1, 2, 2],
        {'train_loss': [2.173, 1.823, 1.373, 1.323]},
        id='hand running',
    ),
    pytest.param(
        """Epoch 1
-------------------------------
loss: 2.302788  [   64/60000]
loss: 2.293711  [ 6464/60000]
Test Error: 
 Accuracy: 44.6%, Avg loss: 2.155

Epoch 2
-------------------------------
loss: 2.162788  [   64/60000]
loss: 2.153711  [ 6464/60000]
Test Error: 
 Accuracy: 54.6%, Avg loss: 1.855
""",
        'epoch', [1, 1, 2, 2],
        {'train_loss': [2.302788, 2.293711, 2.162788, 2.153711], 'test_acc': [44.6, 54.6], 'test_loss': [2.155, 1.855]},
        id='torch tutorial',
    ),
    pytest.param(
        """Epoch 0/24
----------
train Loss: 0.6301 Acc: 0.6762
val Loss: 0.2143 Acc: 0.9150

Epoch 1/24
----------
train Loss: 0.5301 Acc: 0.7762
val Loss: 0.2043 Acc: 0.9250
""",
        'epoch', [0, 1],
        {'train_loss': [0.6301, 0.5301], 'train_acc': [0.6762, 0.7762], 'val_loss': [0.2143, 0.2043], 'val_acc': [0.915, 0.925]},
        id='transfer tutorial',
    ),
    pytest.param(
        """Epoch: [0][   0/5005]	Time  9.342 ( 9.342)	Data  7.123 ( 7.123)	Loss 6.9912e+00 (6.9912e+00)	Acc@1   0.00 (  0.00)	Acc@5   0.39 (  0.39)
Epoch: [0][  10/5005]	Time  0.342 ( 1.342)	Data  0.000 ( 0.123)	Loss 7.0912e+00 (7.0112e+00)	Acc@1   0.39 (  0.10)	Acc@5   0.39 (  0.45)
Test: [  0/196]	Time  5.342 ( 5.342)	Loss 6.8912e+00 (6.8912e+00)	Acc@1   0.00 (  0.00)	Acc@5   0.39 (  0.39)
Test: [ 10/196]	Time  5.342 ( 5.342)	Loss 6.8912e+00 (6.8812e+00)	Acc@1   0.00 (  0.10)	Acc@5   0.39 (  0.49)
 *   Acc@1 0.100 Acc@5 0.500
""",
        'step', [0, 10],
        {'train_loss': [6.9912, 7.0912], 'acc_1': [0.0, 0.39], 'acc_5': [0.39, 0.39], 'test_loss': [6.8812], 'test_acc_1': [0.1], 'test_acc_5': [0.5]},
        id='imagenet',
    ),
    pytest.param(
        """{"epoch": 1, "train_loss": 2.31, "val_loss": 2.30, "lr": 0.001}
{"epoch": 2, "train_loss": 2.30, "val_loss": NaN, "lr": 0.001}
""",
        'epoch', [1, 2],
        {'train_loss': [2.31, 2.3], 'val_loss': [2.3, NAN], 'lr': [0.001, 0.001]},
        id='dicts',
    ),
    pytest.param(
        """{'loss': '1.184', 'grad_norm': '2.31', 'learning_rate': '5e-05', 'epoch': '0.1'}
{'loss': '0', 'grad_norm': 'nan', 'learning_rate': '4e-05', 'epoch': '0.2'}
{'eval_loss': 'nan', 'eval_runtime': '1.2', 'epoch': '0.2'}
""",
        'epoch', [0.1, 0.2],
        {'train_loss': [1.184, 0.0], 'grad_norm': [2.31, NAN], 'lr': [5e-05, 4e-05], 'val_loss': [NAN]},
        id='hf5',
    ),
    pytest.param(
        """epoch,accuracy,loss,val_accuracy,val_loss
0,0.51,0.69,0.50,0.70
1,0.52,0.68,0.51,0.69
""",
        'epoch', [0, 1],
        {'train_acc': [0.51, 0.52], 'train_loss': [0.69, 0.68], 'val_acc': [0.5, 0.51], 'val_loss': [0.7, 0.69]},
        id='csv',
    ),
    pytest.param(
        """epoch,step,train_loss,val_loss
0,49,0.69,
0,99,0.65,
0,99,,0.66
1,149,0.60,
""",
        'step', [49, 99, 149],
        {'train_loss': [0.69, 0.65, 0.6], 'val_loss': [0.66]},
        id='pl csv',
    ),
    pytest.param(
        """| Epoch | Train Loss | Val Loss |
|-------|-----------:|---------:|
| 1     | 0.71       | 0.72     |
| 2     | 0.61       | 0.65     |
""",
        'epoch', [1, 2],
        {'train_loss': [0.71, 0.61], 'val_loss': [0.72, 0.65]},
        id='md table',
    ),
    pytest.param(
        """[rank0]: epoch 1 step 10 loss 0.512
[rank1]: epoch 1 step 10 loss 0.498
[rank0]: epoch 1 step 20 loss 0.412
[rank1]: epoch 1 step 20 loss 0.398
""",
        'step', [10, 20],
        {'train_loss': [0.512, 0.412]},
        id='ranks',
    ),
    pytest.param(
        """Epoch 1/3 loss: 0.9 acc: 0.5 Epoch 2/3 loss: 0.8 acc: 0.6 Epoch 3/3 loss: nan acc: 0.5
""",
        'epoch', [1, 2, 3],
        {'train_loss': [0.9, 0.8, NAN], 'train_acc': [0.5, 0.6, 0.5]},
        id='joined',
    ),
    pytest.param(
        """epoch 1 train_loss 0.5 val_loss 0.6 *
epoch 2 train_loss 0.4 val_loss 0.5 *
epoch 3 train_loss 0.3 val_loss 0.55
epoch 4 train_loss 0.2 val_loss 0.45 * (saved)
""",
        'epoch', [1, 2, 3, 4],
        {'train_loss': [0.5, 0.4, 0.3, 0.2], 'val_loss': [0.6, 0.5, 0.55, 0.45]},
        id='stars',
    ),
    pytest.param(
        """Epoche 1 Verlust 0,693 Genauigkeit 0,501
Epoche 2 Verlust 0,692 Genauigkeit 0,511
""",
        'epoch', [1, 2],
        {'train_loss': [0.693, 0.692], 'train_acc': [0.501, 0.511]},
        id='german',
    ),
]
# fmt: on


@pytest.mark.parametrize(("text", "x_name", "x", "series"), STYLES)
def test_style(text: str, x_name: str, x: list[float], series: dict[str, list[float]]) -> None:
    log = read_text(text)
    assert list(log.series) == list(series)
    for name, values in series.items():
        assert log.series[name].values.tolist() == pytest.approx(values, nan_ok=True), name
    assert (log.x_name, list(log.x)) == (x_name, x)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "2026-03-04 11:12:13,456 - INFO - ",
        "[2026-03-04 11:12:13][train.py:120][INFO] ",
        "INFO:root:",
        "[rank0]: ",
        "I0304 11:12:13.456789 140 loop.py:48] ",
        "\x1b[32m[info]\x1b[0m ",
        "wandb: ",
        "(worker pid=123) ",
    ],
)
def test_prefix_and_line_end_change_nothing(prefix: str, ending: str) -> None:
    text = ending.join(f"{prefix}epoch {n} train_loss {1 / n:.4f} val_loss {2 / n:.4f}" for n in range(1, 6))
    log = read_text(text)
    assert list(log.x) == [1, 2, 3, 4, 5]
    assert log.series["train_loss"].values.tolist() == [1.0, 0.5, 0.3333, 0.25, 0.2]
    assert log.series["val_loss"].last == 0.4


@pytest.mark.parametrize(
    "text",
    [
        "Namespace(batch_size=32, lr=0.001, epochs=10, seed=1)",
        "batch_size: 64\nlearning_rate: 0.0003\nweight_decay: 0.01",
        "loaded 400 examples from data/train.csv in 2.3 s",
        "Epoch 3: val_loss did not improve from 0.41200",
        "saving model to runs/loss=0.123-epoch=4.ckpt",
        "we use 4 GPUs and torch 2.1.0 on 2026-01-02",
        "model: Sequential(\n  (0): Linear(in_features=16, out_features=4, bias=True)\n)",
        "number of parameters: 12,345,678",
        "the loss becomes nan",
        "val loss stays nan, why?",
        "it goes to inf: the loss gets inf",
    ],
)
def test_what_is_no_record(text: str) -> None:
    log = read_text(text)
    assert log.count == 0
    assert log.series == {}


@pytest.mark.parametrize("word", ["nan", "NaN", "NAN", "-nan", "nan.0", ".nan", "nanxxx"])
def test_spellings_of_nan(word: str) -> None:
    log = read_text(f"epoch 1, loss: 0.5\nepoch 2, loss: {word}\nepoch 3, loss: {word}")
    assert log.has_nan
    assert math.isnan(log.series["train_loss"].last)


@pytest.mark.parametrize(("word", "value"), [("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf)])
def test_spellings_of_infinity(word: str, value: float) -> None:
    log = read_text(f"epoch 1, loss: 0.5\nepoch 2, loss: {word}")
    assert log.series["train_loss"].last == value
    assert not log.has_nan


@pytest.mark.parametrize(
    ("printed", "value"),
    [("1,234.5", 1234.5), ("12,800", 12800.0), ("0,693", 0.693), ("6.1e-05", 6.1e-05), ("93%", 93.0), ("−0.25", -0.25)],
)
def test_numbers(printed: str, value: float) -> None:
    log = read_text(f"epoch 1 | loss: {printed} | lr: 0.1\nepoch 2 | loss: {printed} | lr: 0.1")
    assert log.series["train_loss"].values.tolist() == [value, value]


def test_redrawn_bars_count_once_an_epoch() -> None:
    drawings = [
        f"Epoch {e}: {n * 25}%|##  | {n}/4 [00:00<00:01, 9.1it/s, loss={n / 10:.1f}]" for e in (0, 1) for n in range(5)
    ]
    log = read_text("\r".join(drawings) + "\n")
    assert list(log.x) == [0, 1]
    assert log.series["train_loss"].values.tolist() == [0.4, 0.4]


def test_message_glued_to_a_bar_is_a_line_of_its_own() -> None:
    log = read_text(
        "Epoch 0: 100%|####| 4/4 [00:00<00:00, 9.1it/s, loss=0.5]WARNING: gradient overflow, skipping step\n"
    )
    assert log.series["train_loss"].last == 0.5
    assert [event.kind for event in log.events] == [EventKind.SKIPPED]


def test_summary_of_an_epoch_is_not_a_further_record() -> None:
    lines = []
    for epoch in (1, 2):
        lines += [f"Epoch {epoch} [{step}/30] loss: {step / 100}" for step in (10, 20, 30)]
        lines.append(f"Averaged stats: loss: {0.2 + epoch / 100}")
    log = read_text("\n".join(lines))
    assert log.series["train_loss"].values.tolist() == [0.1, 0.2, 0.3, 0.1, 0.2, 0.3]
    assert log.count == 6


def test_heading_says_what_is_validated() -> None:
    log = read_text(
        "Epoch 1\nloss: 0.9 acc: 0.4\nValidation:\nloss: 0.8 acc: 0.5\nEpoch 2\nloss: 0.7 acc: 0.6\nValidation:\nloss: 0.6 acc: 0.7"
    )
    assert {name: list(one.values) for name, one in log.series.items()} == {
        "train_loss": [0.9, 0.7], "train_acc": [0.4, 0.6], "val_loss": [0.8, 0.6], "val_acc": [0.5, 0.7],
    }  # fmt: skip


def test_lines_are_numbered_as_in_the_input() -> None:
    log = read_text("\n\nstart\n\nepoch 1 loss 0.5\n")
    assert [(line.number, line.text) for line in log.lines] == [(3, "start"), (5, "epoch 1 loss 0.5")]
    assert list(log.series["train_loss"].lines) == [5]


def test_records_frame() -> None:
    frame = read_text("epoch 1 loss 0.5 val_loss 0.6\nepoch 2 loss 0.4\nepoch 3 loss 0.3 val_loss 0.5").records
    assert list(frame.columns) == ["train_loss", "val_loss"]
    assert list(frame.index) == [1, 2, 3]
    assert math.isnan(frame["val_loss"][2])


TRACEBACK = """epoch 1 loss 0.5
Traceback (most recent call last):
  File "/home/me/train.py", line 12, in <module>
    main()
  File "/home/me/train.py", line 8, in main
    out = model(x)
          ^^^^^^^^
  File "/opt/venv/lib/python3.11/site-packages/torch/nn/modules/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x10 and 20x4)
"""


def test_error_and_the_users_own_frame() -> None:
    error = read_text(TRACEBACK).error
    assert error is not None
    assert str(error) == "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x10 and 20x4)"
    assert error.frame == "train.py:8 in main"
    assert error.line == 11


@pytest.mark.parametrize("prefix", ["[rank1]: ", "1: ", ""])
def test_prefixed_traceback(prefix: str) -> None:
    error = read_text("".join(prefix + line + "\n" for line in TRACEBACK.splitlines())).error
    assert error is not None
    assert error.name == "RuntimeError"


def test_last_of_chained_tracebacks_counts() -> None:
    text = TRACEBACK + (
        "\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n"
        '  File "run.py", line 3, in <module>\n    raise SystemError("gave up") from error\nSystemError: gave up\n'
    )
    assert str(read_text(text).error) == "SystemError: gave up"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("AssertionError", "AssertionError"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory.", "torch.cuda.OutOfMemoryError: CUDA out of memory."),
        ("struct.error: unpack requires a buffer of 4 bytes", "struct.error: unpack requires a buffer of 4 bytes"),
    ],
)
def test_kinds_of_exceptions(last: str, expected: str) -> None:
    text = f'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\n{last}\n'
    assert str(read_text(text).error) == expected


def test_warning_is_no_error() -> None:
    log = read_text(
        "/opt/torch/optim.py:1: UserWarning: Detected call of `lr_scheduler.step()` before `optimizer.step()`.\n"
    )
    assert log.error is None
    assert [event.kind for event in log.events] == [EventKind.WARNING]
