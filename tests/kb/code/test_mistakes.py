"""Mistakes in code: each is found where it stands, by its line, and not in code that is in order."""

from functools import cache

import pytest

from kb.code import Certainty, Mistake, find_mistakes, list_mistakes, read_snippet
from kb.match.query import make_query
from kb.read.log import LogLine
from repro.case import Side
from repro.collection import find_collection

CASES = find_collection()
MOST_MENDED = {Certainty.CERTAIN: 1, Certainty.LIKELY: 3, Certainty.HINT: 7}
"""Mended scripts, of all cases, in which a mistake may be seen all the same."""

SEEN = [
    ("softmax-before-cross-entropy", "model.add(Dense(10, activation='softmax'))\nmodel.compile('adam', loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))",
     "model.add(Dense(10))\nmodel.compile('adam', loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))"),
    ("sigmoid-before-logits-loss", "def forward(self, x):\n    x = F.relu(self.a(x))\n    return torch.sigmoid(self.b(x))\nloss_fn = nn.BCEWithLogitsLoss()",
     "logits = net(x)\nloss = F.binary_cross_entropy_with_logits(logits, y)\nhits += ((torch.sigmoid(logits) > 0.5) == y).sum()"),
    ("raw-output-into-probability-loss", "net = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 1))\ncrit = nn.BCELoss()",
     "net = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())\ncrit = nn.BCELoss()"),
    ("relu-behind-output", "model.add(Dense(64, activation='relu'))\nmodel.add(Dense(1, activation='relu'))",
     "model.add(Dense(64, activation='relu'))\nmodel.add(Dense(1))"),
    ("softmax-of-one", "model.add(layers.Dense(1, activation='softmax'))", "model.add(layers.Dense(2, activation='softmax'))"),
    ("softmax-over-batch", "weights = F.softmax(self.score(h).squeeze(-1), dim=0)", "weights = F.softmax(self.score(h).squeeze(-1), dim=1)"),
    ("softmax-without-axis", "self.act = nn.Softmax()", "self.act = nn.Softmax(dim=-1)"),
    ("argmax-over-batch", "pred = torch.argmax(out, 0)\nacc = (pred == y).float().mean()", "pred = torch.argmax(out, 1)\nacc = (pred == y).float().mean()"),
    ("accuracy-of-regression", "model.compile(loss='mean_squared_error', optimizer='adam', metrics=['accuracy'])",
     "model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])"),
    ("one-hot-into-index-loss", "y = to_categorical(y, 5)\nmodel.compile(loss='sparse_categorical_crossentropy')", "y = to_categorical(y, 5)\nmodel.compile(loss='categorical_crossentropy')"),
    ("log-of-probability", "loss = -tf.reduce_mean(y * tf.log(pred))", "loss = -tf.reduce_mean(y * tf.log(pred + 1e-8))"),
    ("bare-square-root", "d = torch.sqrt(((a - b) ** 2).sum(1))", "d = torch.sqrt(((a - b) ** 2).sum(1) + eps)"),
    ("wrong-sign", "loss = dist.log_prob(x).mean()\nloss.backward()", "loss = -dist.log_prob(x).mean()\nloss.backward()"),
    ("masks-of-255", "mask = np.array(Image.open(path).convert('L'))\nmask = cv2.imread(m, 0)\nloss = bce(out, mask)", "mask = cv2.imread(m, 0) / 255\nloss = bce(out, mask)"),
    ("column-against-row", "net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))\nloss = nn.MSELoss()(net(x), y)",
     "net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))\nloss = nn.MSELoss()(net(x).squeeze(1), y)"),
    ("kl-in-full", "loss = recon_loss + kl_loss\nloss.backward()", "loss = recon_loss + anneal(step) * kl_loss\nloss.backward()"),
    ("no-stop-gradient", "def D(p, z):\n    return -F.cosine_similarity(p, z, dim=-1).mean()", "def D(p, z):\n    return -F.cosine_similarity(p, z.detach(), dim=-1).mean()"),
    ("layers-in-list", "class Net(nn.Module):\n    def __init__(self):\n        self.blocks = [nn.Conv2d(8, 8, 3) for _ in range(4)]",
     "class Net(nn.Module):\n    def __init__(self):\n        self.blocks = nn.ModuleList([nn.Conv2d(8, 8, 3) for _ in range(4)])"),
    ("layers-in-list", "class Net(nn.Module):\n    def __init__(self):\n        self.heads = []\n        for n in sizes:\n            self.heads.append(nn.Linear(8, n))",
     "model = keras.Sequential()\nself.layers = [keras.layers.Dense(8) for _ in range(3)]"),
    ("no-activation", "self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 8)\nself.c = nn.Linear(8, 1)\nx = self.c(self.b(self.a(x)))",
     "self.a = nn.Linear(4, 8)\nself.b = nn.Linear(8, 8)\nself.c = nn.Linear(8, 1)\nx = self.c(torch.tanh(self.b(self.a(x))))"),
    ("stack-of-sigmoids", "model.add(Dense(64, activation='sigmoid'))\nmodel.add(Dense(64, activation='sigmoid'))\nmodel.add(Dense(64, activation='sigmoid'))\nmodel.add(Dense(10))",
     "model.add(Dense(64, activation='relu'))\nmodel.add(Dense(1, activation='sigmoid'))"),
    ("wide-initialisation", "W1 = np.random.randn(784, 128)\nb1 = np.zeros(128)", "W1 = np.random.randn(784, 128) * 0.01\nb1 = np.zeros(128)"),
    ("wide-initialisation", "W = tf.Variable(tf.random_normal([784, 256]))", "W = tf.Variable(tf.random_normal([784, 256], stddev=0.05))"),
    ("recurrent-batch-axis", "self.rnn = nn.LSTM(40, 128)\nout, _ = self.rnn(x)  # (N, T, 40)", "self.rnn = nn.LSTM(40, 128, batch_first=True)\nout, _ = self.rnn(x)"),
    ("view-as-transpose", "x = x.view(x.size(0), x.size(2), x.size(1))", "x = x.permute(0, 2, 1)"),
    ("view-in-other-order", "b, t, c = x.shape\nx = x.view(b, c, t)", "b, t, c = x.shape\nx = x.view(b, t, c)"),
    ("frozen", "for p in model.parameters():\n    p.requires_grad = False", "for p in model.parameters():\n    p.requires_grad = False\nfor p in model.fc.parameters():\n    p.requires_grad = True"),
    ("pooled-over-time", "self.pool = nn.AdaptiveAvgPool1d(1)\nx = self.pool(x).expand(-1, -1, T)\nh, _ = self.lstm(x)", "self.pool = nn.AdaptiveAvgPool1d(1)\nx = self.fc(self.pool(x).flatten(1))\nh, _ = self.lstm(x)"),
    ("activation-changed-in-place", "g = torch.sigmoid(self.gate(x))\ng *= mask\nreturn g", "g = torch.sigmoid(self.gate(x))\ng = g * mask\nreturn g"),
    ("table-not-registered", "class Net(nn.Module):\n    def __init__(self):\n        self.pos = torch.zeros(512, 64)\nnet = Net().cuda()", "class Net(nn.Module):\n    def __init__(self):\n        self.register_buffer('pos', torch.zeros(512, 64))\nnet = Net().cuda()"),
    ("zeroed-before-step", "def backward(self):\n    self.loss.backward()\ndef update(self):\n    self.optim.zero_grad()\n    self.optim.step()", "def backward(self):\n    self.loss.backward()\ndef update(self):\n    self.optim.step()\n    self.optim.zero_grad()"),
    ("best-kept-by-reference", "if auc > best_auc:\n    best_auc, best_w = auc, clf.state_dict()", "if auc > best_auc:\n    best_auc, best_w = auc, copy.deepcopy(clf.state_dict())"),
    ("division-under-condition", "if k == 0:\n    verlust = verlust / N\nverlust.backward()", "verlust = verlust / N\nverlust.backward()"),
    ("no-zero-grad", "In [4]: l = crit(net(x), y)\n   ...: l.backward()\n   ...: opt.step()", "In [4]: opt.zero_grad()\n   ...: l.backward()\n   ...: opt.step()"),
    ("no-optimizer-step", "opt.zero_grad()\nl.backward()\nif n % k == 0: print(l)", "l.backward()\nif n % k == 0: opt.step(); opt.zero_grad()"),
    ("no-causal-mask", "layer = nn.TransformerEncoderLayer(256, 8)\nself.net = nn.TransformerEncoder(layer, 6)\nself.lm_head = nn.Linear(256, vocab)",
     "self.net = nn.TransformerEncoder(layer, 6)\nh = self.net(x, mask=mask)\nself.lm_head = nn.Linear(256, vocab)"),
    ("small-batch-normalisation", "train_loader = DataLoader(ds, batch_size=2, shuffle=True)\nnet = torchvision.models.resnet18()", "train_loader = DataLoader(ds, batch_size=32)\nnet = resnet18()"),
    ("slow-batch-statistics", "x = nn.BatchNorm2d(64, momentum=0.001)", "x = nn.BatchNorm2d(64, momentum=0.1)"),
    ("changed-in-place", "def forward(self, x):\n    y = torch.exp(x)\n    y /= y.sum(1)\n    return y", "def forward(self, x):\n    y = torch.exp(x)\n    return y / y.sum(1)"),
    ("vocabulary-grown", "tok.add_special_tokens({'pad_token': '[PAD]'})\nmodel = GPT2LMHeadModel.from_pretrained('gpt2')",
     "tok.add_special_tokens({'pad_token': '[PAD]'})\nmodel.resize_token_embeddings(len(tok))"),
    ("no-zero-grad", "for x, y in loader:\n    loss = crit(net(x), y)\n    loss.backward()\n    opt.step()", "for x, y in loader:\n    opt.zero_grad()\n    loss = crit(net(x), y)\n    loss.backward()\n    opt.step()"),
    ("no-optimizer-step", "for x, y in loader:\n    opt.zero_grad()\n    crit(net(x), y).backward()\n    print('ok')", "for x, y in loader:\n    opt.zero_grad()\n    crit(net(x), y).backward()\n    opt.step()"),
    ("no-optimizer-step", "with tf.GradientTape() as tape:\n    loss = f(model(x), y)\ngrads = tape.gradient(loss, model.trainable_variables)",
     "with tf.GradientTape() as tape:\n    loss = f(model(x), y)\ngrads = tape.gradient(loss, v)\nopt.apply_gradients(zip(grads, v))"),
    ("zeroed-before-step", "loss.backward()\noptimizer.zero_grad()\noptimizer.step()", "optimizer.zero_grad(); loss.backward(); optimizer.step()"),
    ("gradient-read-after-zeroing", "loss.backward()\nopt.step()\nopt.zero_grad()\nfor n, p in net.named_parameters():\n    writer.add_histogram(n, p.grad)",
     "loss.backward()\nfor n, p in net.named_parameters():\n    writer.add_histogram(n, p.grad)\nopt.step()\nopt.zero_grad()"),
    ("graph-cut", "pred = net(x).argmax(dim=1).float()\nloss = criterion(pred, y)\nloss.requires_grad = True\nloss.backward()", "out = net(x)\nloss = criterion(out, y)\nloss.backward()\nacc = (out.argmax(1) == y).sum()"),
    ("graph-cut", "pred = torch.argmax(out, 1)\nloss = loss_fn(pred, y)\nloss.backward()", "target = target_net(s).detach()\nloss = loss_fn(q, target)\nloss.backward()"),
    ("graph-kept", "total_loss += loss\nloss.backward()", "total_loss += loss.item()\nloss.backward()"),
    ("graph-kept", "history.append(loss)\nloss.backward()", "total_loss += aux_loss\ntotal_loss.backward()"),
    ("graph-retained", "loss.backward(retain_graph=True)", "loss.backward()"),
    ("state-carried-on", "for x, y in loader:\n    out, hidden = model(x, hidden)\n    loss = f(out, y)\n    loss.backward()", "for x, y in loader:\n    hidden = hidden.detach()\n    out, hidden = model(x, hidden)\n    f(out, y).backward()"),
    ("scheduler-before-optimizer", "for epoch in range(90):\n    scheduler.step()\n    train(model)", "for epoch in range(90):\n    train(model)\n    scheduler.step()"),
    ("scheduler-in-batch-loop", "scheduler = StepLR(optimizer, 30)\nfor epoch in range(90):\n    for x, y in loader:\n        optimizer.step()\n        scheduler.step()",
     "scheduler = StepLR(optimizer, 30)\nfor epoch in range(90):\n    for x, y in loader:\n        optimizer.step()\n    scheduler.step()"),
    ("no-gradient-clipping", "self.rnn = nn.LSTM(1, 64)\nloss.backward()", "self.rnn = nn.LSTM(1, 64)\nloss.backward()\nclip_grad_norm_(p, 1.0)"),
    ("scaled-gradients-clipped", "scaler.scale(loss).backward()\nclip_grad_norm_(p, 1)\nscaler.step(opt)", "scaler.scale(loss).backward()\nscaler.unscale_(opt)\nclip_grad_norm_(p, 1)"),
    ("gate-on-every-norm", "if g1 > 0 and g2 > 0:\n    optimizer.step()\ngrad_norm = g1", "if grad_norm > 0:\n    optimizer.step()"),
    ("division-under-condition", "if step == 0:\n    loss = loss / accum_steps\nloss.backward()", "loss = loss / accum_steps\nloss.backward()"),
    ("divided-loss-logged", "loss = loss / accum_steps\nloss.backward()\nrunning += loss.item()", "loss = loss / accum_steps\nloss.backward()\nrunning += loss.item() * accum_steps"),
    ("steps-counted-in-batches", "sched = OneCycleLR(opt, 1e-3, epochs=5, steps_per_epoch=len(train_loader))\nif (i + 1) % accum == 0:\n    sched.step()",
     "sched = OneCycleLR(opt, 1e-3, epochs=5, steps_per_epoch=len(train_loader) // accum)"),
    ("argument-not-used", "lr = args.lr or 1e-3", "lr = args.lr"),
    ("optimizer-before-layer", "opt = SGD(net.parameters(), 0.1)\noptimizer = SGD(model.parameters(), 0.1)\nmodel.fc = nn.Linear(512, 10)", "model.fc = nn.Linear(512, 10)\noptimizer = SGD(model.parameters(), 0.1)"),
    ("rate-too-high", "opt = torch.optim.Adam(net.parameters(), lr=0.1)", "opt = torch.optim.Adam(net.parameters(), lr=1e-3)"),
    ("rate-high-for-sgd", "opt = SGD(net.parameters(), lr=1.5)", "EPOCHS, LEARNING_RATE = 5, 0.01\nopt = SGD(net.parameters(), LEARNING_RATE)"),
    ("rate-too-low", "opt = Adam(net.parameters(), lr=1e-7)", "model = AutoModel.from_pretrained('bert')\nopt = Adam(model.parameters(), lr=1e-6)"),
    ("rate-of-scratch", "model = BertModel.from_pretrained('bert-base-uncased')\nopt = AdamW(model.parameters(), lr=1e-3)", "model = BertModel.from_pretrained('bert-base-uncased')\nopt = AdamW(model.parameters(), lr=2e-5)"),
    ("over-regularised", "drop = nn.Dropout(0.6)\nopt = Adam(net.parameters(), weight_decay=5e-3)", "drop = nn.Dropout(0.6)\nopt = Adam(net.parameters(), weight_decay=1e-5)"),
    ("wrong-sign", "loss = (ll - kl).mean()", "def kl(mu, logvar):\n    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())\nloss = rec + kl(mu, logvar)"),
    ("padding-counted", "src = pad_sequence(xs)\nloss = nn.CrossEntropyLoss()(out.flatten(0, 1), tgt.flatten())", "src = pad_sequence(xs)\nloss = nn.CrossEntropyLoss(ignore_index=0)(out.flatten(0, 1), tgt.flatten())"),
    ("slow-average", "ema = ModelEma(model, decay=0.9999)", "ema = ModelEma(model, decay=0.99)\nopt = Adam(p, betas=(0.9, 0.999))"),
    ("not-shuffled", "train_loader = DataLoader(train_set, batch_size=32)", "train_loader = DataLoader(train_set, batch_size=32, shuffle=True)\nval_loader = DataLoader(v, 32)"),
    ("validation-from-the-end", "model.fit(X, y, validation_split=0.1)", "np.random.permutation(8)\nmodel.fit(X, y, validation_data=(a, b))"),
    ("shuffled-separately", "np.random.shuffle(X)\nnp.random.shuffle(y)", "X, y = sklearn.utils.shuffle(X, y)"),
    ("validation-augmented", "val_ds = ImageFolder('val', transform=train_transform)", "val_ds = ImageFolder('val', transform=val_transform)"),
    ("one-reader-for-both", "gen = ImageDataGenerator(rotation_range=20, validation_split=0.2)", "gen = ImageDataGenerator(rescale=1/255, validation_split=0.2)"),
    ("mirrored", "T.RandomHorizontalFlip()", "T.CenterCrop(224)"),
    ("first-batch-again", "for i in range(1000):\n    x, y = next(iter(loader))\n    loss.backward()", "x, y = next(iter(loader))\nfor i in range(1000):\n    loss.backward()"),
    ("same-seed-in-workers", "def __getitem__(self, i):\n    dx = np.random.randint(8)\nDataLoader(ds, num_workers=4)", "def __getitem__(self, i):\n    dx = torch.randint(8, (1,))\nDataLoader(ds, num_workers=4)"),
    ("fitted-before-split", "X = StandardScaler().fit_transform(X)\nXtr, Xte = train_test_split(X)", "Xtr, Xte = train_test_split(X)\nXtr = StandardScaler().fit_transform(Xtr)"),
    ("order-of-predictions", "test = gen.flow_from_directory('test')\np = model.predict_generator(test)\ncm = confusion_matrix(test.classes, p.argmax(1))",
     "test = gen.flow_from_directory('test', shuffle=False)\np = model.predict_generator(test)"),
    ("two-readers-of-pictures", "train = ImageFolder('train')\nframe = cv2.imread(p)", "train = ImageFolder('train')\nframe = cv2.cvtColor(cv2.imread(p), cv2.COLOR_BGR2RGB)"),
    ("evaluated-in-train-mode", "def validate(model, loader):\n    with torch.no_grad():\n        for x, y in loader:\n            out = model(x)",
     "def validate(model, loader):\n    model.eval()\n    with torch.no_grad():\n        for x, y in loader:\n            out = model(x)"),
    ("never-back-to-training", "for epoch in range(5):\n    loss.backward()\n    model.eval()", "for epoch in range(5):\n    model.train()\n    loss.backward()\n    model.eval()"),
    ("trained-in-eval-mode", "model.train()\nfor epoch in range(5):\n    for x in loader:\n        loss.backward()\n    model.eval()", "for epoch in range(5):\n    model.train()\n    for x in loader:\n        loss.backward()\n    model.eval()"),
    ("mean-of-batch-means", "f1 += f1_score(y, p)\nprint(f1 / len(loader))", "ys.append(y)\nprint(f1_score(cat(ys), cat(ps)))"),
    ("best-kept-by-reference", "best_weights = model.state_dict()", "best_weights = copy.deepcopy(model.state_dict())"),
    ("best-not-restored", "es = EarlyStopping(monitor='val_loss', patience=5)\nmodel.fit(x, y, callbacks=[es])", "es = EarlyStopping(monitor='val_loss', patience=5, restore_best_weights=True)\nmodel.fit(x, y)"),
    ("stops-the-wrong-way", "cp = ModelCheckpoint(\n    'w.h5',\n    monitor='val_loss',\n    mode='max',\n)", "cp = ModelCheckpoint('w.h5', monitor='val_loss', mode='min')"),
    ("stops-the-wrong-way", "if val_loss > best_loss:\n    save(model)", "if val_acc > best_acc:\n    save(model)"),
    ("nothing-to-monitor", "cb = EarlyStopping(monitor='val_loss')\nmodel.fit(x, y, callbacks=[cb])", "cb = EarlyStopping(monitor='val_loss')\nmodel.fit(x, y, validation_data=v)"),
    ("wrapped-when-saved", "model = nn.DataParallel(model)\ntorch.save(model.state_dict(), 'm.pt')", "model = nn.DataParallel(model)\ntorch.save(model.module.state_dict(), 'm.pt')"),
    ("resumed-without-optimizer", "if args.resume:\n    model.load_state_dict(torch.load(args.resume))", "if args.resume:\n    model.load_state_dict(c['m'])\n    optimizer.load_state_dict(c['o'])"),
    ("epoch-starts-over", "optimizer.load_state_dict(ckpt['opt'])\nfor epoch in range(args_epochs):\n    pass", "optimizer.load_state_dict(ckpt['opt'])\nstart_epoch = ckpt['epoch']\nfor epoch in range(start_epoch, epochs):\n    pass"),
    ("padding-is-end", "tokenizer.pad_token = tokenizer.eos_token", "tokenizer.add_special_tokens({'pad_token': '[PAD]'})"),
    ("shifted-twice", "out = model(input_ids=ids[:, :-1], labels=ids[:, 1:])\nlabels = ids[:, 1:]", "out = model(input_ids=ids, labels=ids)"),
    ("not-shifted", "loss = F.cross_entropy(logits.view(-1, V), input_ids.view(-1))", "loss = F.cross_entropy(logits[:, :-1].reshape(-1, V), input_ids[:, 1:].reshape(-1))"),
    ("not-shifted", "out = lm_head(h)\nloss = criterion(out.transpose(1, 2), tokens)", "out = net(noisy)\nloss = criterion(out, x)"),
    ("half-with-tiny-eps", "model = Net().half()\nopt = torch.optim.Adam(model.parameters())", "model = Net().half()\nopt = torch.optim.Adam(model.parameters(), eps=1e-4)"),
    ("weights-in-bfloat16", "model = model.to(torch.bfloat16)", "with torch.autocast('cuda', dtype=torch.bfloat16):\n    out = model(x)"),
    ("precision-of-another-device", "device = 'mps'\nwith torch.autocast('cuda'):\n    out = model(x)", "device = 'mps'\nwith torch.autocast(device):\n    out = model(x)"),
    ("sampler-not-told", "s = DistributedSampler(ds)\nfor epoch in range(9):\n    run()", "s = DistributedSampler(ds)\nfor epoch in range(9):\n    s.set_epoch(epoch)"),
    ("metric-of-one-process", "model = DistributedDataParallel(model)\ndef validate():\n    return correct / n", "model = DistributedDataParallel(model)\ndef validate():\n    dist.all_reduce(correct)"),
    ("split-after-augmenting", "tfm = T.Compose([T.RandomRotation(20), T.ToTensor()])\nfull = ImageFolder('d', transform=tfm)\na, b = random_split(full, [80, 20])",
     "tfm = T.Compose([T.Resize(64), T.ToTensor()])\nfull = ImageFolder('d', transform=tfm)\na, b = random_split(full, [80, 20])"),
    ("another-name-monitored", "def validation_step(self, b, i):\n    self.log('valid/loss', l)\nes = EarlyStopping(monitor='val_loss')", "def validation_step(self, b, i):\n    self.log('val_loss', l)\nes = EarlyStopping(monitor='val_loss')"),
    ("shifted-by-reader", "x, y = ids[:, :-1], ids[:, 1:]\nmodel = GPT2LMHeadModel.from_pretrained('gpt2')\nout = model(x, labels=y)", "x, y = ids[:, :-1], ids[:, 1:]\nloss = F.cross_entropy(model(x), y)"),
    ("trained-in-eval-mode", "def validate():\n    net.eval()\n    return score(net)\n\nnet.train()\nfor ep in range(9):\n    for x in loader:\n        loss.backward()\n    print(validate())",
     "def validate():\n    net.eval()\n    return score(net)\n\nfor ep in range(9):\n    net.train()\n    for x in loader:\n        loss.backward()\n    print(validate())"),
    ("graph-kept", "loss.backward()\nopt.step()\nepoch_loss += loss\nbar.set_description(f'{loss.item():.3f}')", "loss.backward()\nopt.step()\nepoch_loss += loss.item()"),
    ("slow-average", "ema = optax.incremental_update(params, ema, step_size=1e-4)", "ema = optax.incremental_update(params, ema, step_size=0.1)"),
    ("optimizer-before-layer", "opt = Adam(net.parameters(), 1e-3)\nnet.classifier = nn.Linear(1024, 7)", "net.classifier = nn.Linear(1024, 7)\nopt = Adam(net.parameters(), 1e-3)"),
]  # fmt: skip
"""Mistake, code that has it, and code that does the same without it."""


def find_in(code: str) -> dict[str, list[LogLine]]:
    lines = [LogLine(number, text) for number, text in enumerate(code.splitlines(), 1)]
    return {found.mistake.id: list(found.lines) for found in find_mistakes(read_snippet(lines))}


RIGHT = {
    "classifier": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)
    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.fc1(torch.flatten(self.dropout1(x), 1)))
        return F.log_softmax(self.fc2(x), dim=1)
def train(model, loader, optimizer):
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
def test(model, loader):
    model.eval()
    test_loss = correct = 0
    with torch.no_grad():
        for data, target in loader:
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction='sum').item()
            correct += output.argmax(dim=1, keepdim=True).eq(target.view_as(output)).sum().item()
    test_loss /= len(loader.dataset)
train_loader = torch.utils.data.DataLoader(digits, batch_size=64, shuffle=True)
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(1, args.epochs + 1):
    train(model, train_loader, optimizer)
    test(model, test_loader)
    scheduler.step()
""",
    "adversarial": """
for i, (real, _) in enumerate(loader):
    netD.zero_grad()
    errD = criterion(netD(real).view(-1), ones)
    errD.backward()
    fake = netG(torch.randn(len(real), nz, 1, 1))
    err_fake = criterion(netD(fake.detach()).view(-1), zeros)
    err_fake.backward()
    optimizerD.step()
    netG.zero_grad()
    errG = criterion(netD(fake).view(-1), ones)
    errG.backward()
    optimizerG.step()
""",
    "mixed precision": """
scaler = torch.cuda.amp.GradScaler()
for x, y in loader:
    optimizer.zero_grad()
    with torch.autocast(device_type='cuda', dtype=torch.float16):
        loss = loss_fn(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
""",
    "reinforcement": """
q = policy_net(state_batch).gather(1, action_batch)
with torch.no_grad():
    next_q[non_final] = target_net(next_states).max(1).values
target = next_q * GAMMA + reward_batch
loss = nn.SmoothL1Loss()(q, target.unsqueeze(1))
optimizer.zero_grad()
loss.backward()
torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
optimizer.step()
""",
    "translation": """
def attend(q, k, v, mask):
    scores = (q @ k.transpose(-2, -1) / math.sqrt(d_k)).masked_fill(mask == 0, -1e9)
    return F.softmax(scores, dim=-1) @ v
criterion = nn.CrossEntropyLoss(ignore_index=PAD_IDX)
for src, tgt in loader:
    logits = model(src, tgt[:-1], src_mask, tgt_mask)
    optimizer.zero_grad()
    loss = criterion(logits.reshape(-1, logits.shape[-1]), tgt[1:].reshape(-1))
    loss.backward()
    optimizer.step()
    losses += loss.item()
""",
    "recurrent": """
for inputs, targets in loader:
    hidden = tuple(h.detach() for h in hidden)
    model.zero_grad()
    outputs, hidden = model(inputs, hidden)
    loss = criterion(outputs, targets.reshape(-1))
    loss.backward()
    clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
""",
    "keras": """
model = keras.Sequential([layers.Conv2D(32, 3, activation="relu"), layers.Flatten(), layers.Dropout(0.5),
                          layers.Dense(num_classes, activation="softmax")])
y_train = keras.utils.to_categorical(y_train, num_classes)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=128, epochs=15, validation_split=0.1)
""",
    "lightning": """
class Lit(pl.LightningModule):
    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss
    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", F.cross_entropy(self(x), y), sync_dist=True)
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-4)
trainer = pl.Trainer(devices=4, strategy="ddp", callbacks=[ModelCheckpoint(monitor="val_loss", mode="min")])
""",
}
"""Programs as tutorials have them, with nothing wrong."""


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in RIGHT.items()])
def test_right_programs_show_hints_at_most(code: str) -> None:
    certainty = {one.id: one.certainty for one in list_mistakes()}
    assert {name for name in find_in(code) if certainty[name] is not Certainty.HINT} == set()


@cache
def read_scripts() -> dict[tuple[str, Side], set[str]]:
    """The mistakes of every script of every case."""
    return {
        (case.id, side): set(find_in(case.script(side).read_text(encoding="utf-8")))
        for case in CASES.load_all()
        for side in Side
    }


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [pytest.param(*row, id=f"{row[0]}-{n}") for n, row in enumerate(SEEN)]
)
def test_seen_where_it_is_and_only_there(name: str, wrong: str, right: str) -> None:
    assert name in find_in(wrong)
    assert all(line.text in wrong.splitlines() for line in find_in(wrong)[name])
    assert name not in find_in(right)


@pytest.mark.parametrize("mistake", [pytest.param(one, id=one.id) for one in list_mistakes()])
def test_named_cases_exist_and_mended_scripts_are_in_order(mistake: Mistake) -> None:
    assert set(mistake.cases) <= set(CASES)
    shown = {key for key, found in read_scripts().items() if mistake.id in found}
    own = [(case_id, side) for case_id, side in shown if case_id in mistake.cases]
    by_example = any(name == mistake.id for name, _, _ in SEEN)
    assert by_example or any(side is Side.BUGGY and (case_id, Side.FIXED) not in shown for case_id, side in own)
    if mistake.certainty is not Certainty.HINT:
        assert not [case_id for case_id, side in own if side is Side.FIXED]
    assert len([key for key in shown if key[1] is Side.FIXED]) <= MOST_MENDED[mistake.certainty]


@pytest.mark.parametrize(
    "text",
    [
        "I call loss.backward() and optimizer.step() but I never saw zero_grad in the tutorial, is softmax() needed?",
        'Traceback (most recent call last):\n  File "train.py", line 40, in <module>\n    loss.backward()\n  File "o.py", line 9, in step\n    optimizer.step()\nRuntimeError: boom',
        "---> 40     loss.backward()\n     41     optimizer.step()",
        "# loss.backward()\n# optimizer.step()\nprint('hello')",
        "\n".join(f"epoch {n} loss={1 / n:.3f} lr=0.1 softmax=1" for n in range(1, 30)),
    ],
)
def test_prose_logs_and_tracebacks_are_no_code(text: str) -> None:
    assert not make_query(text).mistakes


def test_call_over_several_lines_is_quoted_by_its_line() -> None:
    lines = find_in("cp = ModelCheckpoint(\n    'w.h5',\n    monitor='val_loss',\n    mode='max',\n)")[
        "stops-the-wrong-way"
    ]
    assert [line.number for line in lines] == [4]
