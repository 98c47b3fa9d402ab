#!/usr/bin/env python3
"""Trains a step that `laurelize export-step` has written on as many ranks as an engine starts.

  torchrun --nproc-per-node 2 train.py --step step/ --data shards/
  mpirun -n 2 python3 train.py --engine mpi --step step/ --data shards/
  python3 train.py --engine ray --ranks 2 --step step/ --data shards/

Ranks, rendezvous and all-reduce are the engine's. manifest.json in the step says how the graphs
are run; bin/distributed/README.md of laurelize documents it. Needs numpy and the engine, and
onnxruntime for Python or Node.
"""
import argparse, glob, hashlib, json, math, os, shlex, shutil, signal, subprocess, sys, time
import numpy as np

TYPES = {"float64": "F64", "int64": "I64", "uint64": "U64", "float32": "F32", "int32": "I32", "uint32": "U32",
         "float16": "F16", "int16": "I16", "uint16": "U16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}


class Stop(Exception):
    """Ends all ranks with one sentence."""


class Lost(Exception):
    """Another rank does not answer."""


# Engines: each has a rank and a size, sums arrays in place, and sends bytes of rank 0 to all.

class Alone:
    rank, size = 0, 1
    sum = staticmethod(lambda array: array)
    broadcast = staticmethod(lambda data: data)
    abort = staticmethod(os._exit)
    close = staticmethod(lambda: None)


class Mpi(Alone):
    def __init__(self):
        from mpi4py import MPI
        self.mpi, self.comm = MPI, MPI.COMM_WORLD
        self.rank, self.size, self.abort = self.comm.rank, self.comm.size, self.comm.Abort

    def sum(self, array):
        request = self.comm.Iallreduce(self.mpi.IN_PLACE, array)
        while not request.Test():  # So that a signal is heard while other ranks are waited for.
            time.sleep(0)
        return array

    def broadcast(self, data):
        return self.comm.bcast(data)


class Torch(Alone):
    def __init__(self):
        import torch, torch.distributed as dist
        gpu = torch.cuda.is_available() and dist.is_nccl_available()
        if gpu:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        if not dist.is_initialized():
            dist.init_process_group("nccl" if gpu else "gloo")
            self.close = dist.destroy_process_group  # A thread of it that still runs at the end aborts the process.
        self.torch, self.dist, self.device = torch, dist, "cuda" if gpu else "cpu"
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def sum(self, array):
        tensor = self.torch.from_numpy(array).to(self.device)
        self.asked(self.dist.all_reduce, tensor)
        array[...] = tensor.cpu().numpy()
        return array

    def broadcast(self, data):
        several = [data]
        self.asked(self.dist.broadcast_object_list, several, device=self.torch.device(self.device))
        return several[0]

    @staticmethod
    def asked(call, *args, **more):
        try:
            call(*args, **more)
        except RuntimeError as error:
            raise Lost(str(error).strip().splitlines()[0][:200])


# .safetensors files, with the bytes that laurelize itself would write.

def pack(tensors, metadata=()):
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    header, at = ({"__metadata__": dict(sorted(dict(metadata).items()))} if metadata else {}), 0
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    for name in order:
        array = arrays[name]
        header[name] = {"dtype": TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(arrays[name].tobytes() for name in order)])


def unpack(data):
    start = 8 + int.from_bytes(data[:8], "little")
    header, names = json.loads(data[8:start]), {code: name for name, code in TYPES.items()}
    metadata = header.pop("__metadata__", {})
    return {name: np.frombuffer(data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]],
                                names[entry["dtype"]]).reshape(entry["shape"]) for name, entry in header.items()}, metadata


def read(*place):
    with open(os.path.join(*place), "rb") as file:
        return file.read()


def write(path, data):
    with open(f"{path}.tmp", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.tmp", path)


# The step's graphs, in this process or in one of Node. Both keep weights and state.

class PythonModel:
    def __init__(self, ort, manifest, args):
        self.ort, self.manifest, self.args, self.sessions, self.tensors = ort, manifest, args, {}, {}

    def load(self, data):
        self.tensors = {each["key"]: unpack(data)[0][each["key"]] for each in self.manifest["state"]["tensors"]}

    def state(self):
        return self.tensors

    def session(self, file):
        if file not in self.sessions:
            options = self.ort.SessionOptions()
            options.log_severity_level, options.enable_mem_pattern = 4, False
            options.intra_op_num_threads = self.args.threads
            if self.manifest["weights"]["files"]:
                folder = self.args.weights or os.path.join(self.args.step, self.manifest["weights"]["folder"])
                options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
            wanted = [each for each in ("CUDAExecutionProvider", "CPUExecutionProvider") if each in self.ort.get_available_providers()]
            self.sessions[file] = self.ort.InferenceSession(read(self.args.step, file), options, providers=wanted)
        return self.sessions[file]

    def vector(self, kind, batch):
        target, rows = self.manifest["target"], len(batch[self.manifest["target"]["array"]])
        feeds = {each["name"]: batch[each["array"]] for each in fed(self.manifest)}
        feeds.update((each["input"], self.tensors[each["key"]]) for each in self.manifest["state"]["tensors"] if each["role"] == "weight")
        file = next(each["file"] for each in self.manifest[kind] if each["rows"] == rows)
        return self.session(file).run(None, feeds)[0]

    def update(self, vector, step, **rates):
        names, changing = self.manifest["update"], [each for each in self.manifest["state"]["tensors"] if each["output"]]
        feeds = {names["vector"]: vector, names["step"]: np.float32(step)}
        feeds.update((names[rate], np.float32(value)) for rate, value in rates.items())
        feeds.update((each["input"], self.tensors[each["key"]]) for each in changing)
        feeds = {name: np.asarray(value) for name, value in feeds.items()}
        norm, *after = self.session(names["file"]).run([names["norm"]] + [each["output"] for each in changing], feeds)
        self.tensors.update((each["key"], value) for each, value in zip(changing, after))
        return float(norm)


class NodeModel:
    def __init__(self, manifest, args):
        command = shlex.split(args.laurelize) if args.laurelize else [shutil.which("laurelize") or "npx", *([] if shutil.which("laurelize") else ["laurelize"])]
        words = ["step-worker", args.step, "--threads", str(args.threads), *(["--weights", args.weights] if args.weights else [])]
        self.process = subprocess.Popen(command + words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, op, tensors, **more):
        data = tensors if isinstance(tensors, bytes) else pack(tensors, {"op": op, **more})
        try:
            self.process.stdin.write(len(data).to_bytes(8, "little") + data)
            self.process.stdin.flush()
            return unpack(self.process.stdout.read(int.from_bytes(self.process.stdout.read(8), "little")))[0]
        except (OSError, ValueError):
            raise Stop("laurelize step-worker has ended; it needs Node with laurelize and onnxruntime-node (--laurelize names its command).")

    def load(self, data):
        self.ask("load", pack(unpack(data)[0], {"op": "load"}))

    def state(self):
        return self.ask("state", {})

    def vector(self, kind, batch):
        return self.ask(kind, batch)["vector"]

    def update(self, vector, step, **rates):
        return float(self.ask("update", {"vector": vector}, step=str(step), **{rate: repr(value) for rate, value in rates.items()})["norm"][0])


def fed(manifest):
    """What a batch brings: inputs of the graphs, and arrays of the data by which they are filled."""
    return [*manifest["inputs"], manifest["target"], *manifest["arrays"]]


def model_of(manifest, args):
    if args.runtime != "node":
        try:
            os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
            import onnxruntime
            return PythonModel(onnxruntime, manifest, args)
        except ImportError:
            if args.runtime == "python":
                raise Stop("Python's onnxruntime is not installed; run pip install onnxruntime, or leave --runtime out.")
    return NodeModel(manifest, args)


# Data: shards are dealt to lanes, of which each rank has `accumulate`; a lane gives one batch a step.

class Lane:
    def __init__(self, files, number, manifest, part=slice(None)):
        self.number, self.manifest = number, manifest
        self.axes = {each["array"]: each["axis"] for each in fed(manifest)}
        self.arrays = {each["array"]: self.joined([self.column(file, each) for file in files], each["axis"], part) for each in fed(manifest)} if files else {}
        self.rows = len(self.arrays[manifest["target"]["array"]]) if files else 0

    @staticmethod
    def joined(arrays, axis, part):
        """Arrays along the axis of their rows, of which a part is taken; one value for all rows as it is."""
        return arrays[0] if axis is None else np.concatenate(arrays, axis)[(slice(None),) * axis + (part,)]

    def column(self, file, each):
        name = each["array"]
        with np.load(file) as arrays:
            if name not in arrays:
                raise Stop(f"{file} has no array {name}; it has {', '.join(arrays)}.")
            array = arrays[name]
        dtype, shape, found = np.dtype(each["dtype"]), list(each["shape"]), list(array.shape)
        for sizes in (shape, found):
            if each["axis"] is not None and len(sizes) > each["axis"]:
                sizes[each["axis"]] = "rows"
        if shape != found or not np.can_cast(array.dtype, dtype, "same_kind"):
            raise Stop(f"{name} of {file} is {array.dtype} {found}, and this step takes {dtype} {shape}.")
        if array.dtype.kind == "f" and not each.get("missing") and np.isnan(array).any():
            raise Stop(f"{name} of {file} has a NaN; leave such rows out.")
        if each.get("form") == "labels":
            wrong = array[((array < 0) | (array >= each["classes"])) & (array != each["ignore"])]
            if wrong.size:
                raise Stop(f"{name} of {file} has the label {wrong.flat[0]}, and the model's classes are 0 to {each['classes'] - 1}.")
        cast = array.astype(dtype, copy=False)
        if array.dtype.kind in "iu" and (cast != array).any():
            raise Stop(f"{name} of {file} has numbers that {dtype} does not hold.")
        return cast

    def steps(self):
        batch = self.manifest["batch"]
        return self.rows // batch["rows"] if batch["fixed"] else math.ceil(self.rows / batch["rows"])

    def batches(self, place, order):
        """The batch of a step; a smaller one row by row; nothing behind the last."""
        size = self.manifest["batch"]["rows"]
        rows = order[place * size:(place + 1) * size]
        cuts = [rows] if len(rows) == size else [] if self.manifest["batch"]["fixed"] else rows.reshape(-1, 1)
        cut = lambda array, axis, some: array if axis is None else np.take(array, some, axis)
        return ({name: cut(array, self.axes[name], some) for name, array in self.arrays.items()} for some in cuts)


def lanes_of(places, engine, accumulate, manifest):
    if not places:
        return None
    own = any("{rank}" in place for place in places)
    places = [place.replace("{rank}", str(engine.rank)) for place in places]
    files = [file for place in places for file in (sorted(glob.glob(os.path.join(glob.escape(place), "*.npz"))) if os.path.isdir(place) else [place])]
    missing = next((file for file in [*places, *files] if not os.path.exists(file)), None)
    if missing or not (files or own):
        raise Stop(f"{missing} does not exist." if missing else f"{', '.join(places)} has no .npz file.")
    numbers = [k * engine.size + engine.rank for k in range(accumulate)]
    if own:
        return [Lane(files[k::accumulate], number, manifest) for k, number in enumerate(numbers)]
    total = engine.size * accumulate
    if len(files) < total:  # Too few files to deal out: their rows are.
        return [Lane(files, number, manifest, slice(number, None, total)) for number in numbers]
    return [Lane(files[number::total], number, manifest) for number in numbers]


def summed(engine, model, kind, layout, batches, dtype):
    """The sum over all ranks of the vectors of some batches."""
    total = np.zeros(layout["length"], dtype)
    for batch in batches:
        total += model.vector(kind, batch)
    return engine.sum(total)


def figures(manifest, layout, vector):
    count = float(vector[layout["count"]])
    mean = lambda at: float(vector[at]) / count if count else math.nan
    metrics = {name: mean(at) for name, at in layout["metrics"].items()}
    loss = mean(layout["loss"])
    return {"loss": loss, "metrics": {**metrics, **({"perplexity": math.exp(min(loss, 709))} if manifest["perplexity"] else {})}, "examples": count}


def along(start, end, done):
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def one_cycle(start, turn, end, step, steps):
    top = max(0, 0.3 * steps - 1)
    return along(start, turn, step / top) if step < top else along(turn, end, min(1, (step - top) / max(1, steps - 1 - top)))


SCHEDULES = {
    "constant": lambda step, steps, done, options: 1,
    "linear": lambda step, steps, done, options: 1 - done,
    "cosine": lambda step, steps, done, options: along(1, 0, done),
    "polynomial": lambda step, steps, done, options: (1 - done) ** options["power"],
    "step": lambda step, steps, done, options: options["decay"] ** int(step / (options["decayEvery"] or max(1, steps / 3))),
    "one-cycle": lambda step, steps, done, options: one_cycle(1 / 25, 1, 1 / 25e4, step, steps),
}


def rate(schedule, step, steps):
    lr, warmup, options = schedule["lr"], schedule["warmup"], schedule.get("options", {})
    if step <= warmup:
        return lr * step / warmup
    after, steps = step - 1 - warmup, max(1, steps - warmup)
    low = options.get("minLr", 0)
    return low + (lr - low) * SCHEDULES[schedule["name"]](after, steps, min(1, after / steps), options)


def rates(manifest, step, steps):
    """What a step is given beside its number: the learning rate, and the momentum if it changes."""
    cycled = {"momentum": one_cycle(0.95, 0.85, 0.95, step - 1, steps)} if manifest["update"].get("momentum") else {}
    return {"lr": rate(manifest["schedule"], step, steps), **cycled}


def checked(manifest, args):
    """Checks that the files are those that the manifest names."""
    if manifest.get("format") != "laurelize-step" or manifest["version"] != 1:
        raise Stop(f"{args.step} is not a step of version 1; export it with laurelize export-step.")
    for name, digest in manifest["hashes"].items():
        if hashlib.sha256(read(args.step, name)).hexdigest() != digest:
            raise Stop(f"{name} of {args.step} is not the one of its manifest; copy the whole folder again.")
    folder = args.weights or os.path.join(args.step, manifest["weights"]["folder"])
    for file in manifest["weights"]["files"]:
        path = os.path.join(folder, file["name"])
        if not os.path.exists(path) or os.path.getsize(path) != file["bytes"]:
            raise Stop(f"{path}, which holds the frozen weights, is missing or another file; --weights names its folder.")
    return manifest


def train(engine, args):
    text = read(args.step, "manifest.json")
    manifest = checked(json.loads(text), args)
    if engine.broadcast(text) != text:
        raise Stop(f"{args.step} is another step than that of rank 0; copy the same folder to every machine.")
    training, vector = manifest["training"], manifest["vector"]
    epochs, seed = args.epochs or training["epochs"], training["seed"] if args.seed is None else args.seed
    accumulate = args.accumulate or manifest["batch"]["accumulate"]
    out = args.out or f"{os.path.splitext(manifest['log']['model'])[0]}.tuned.safetensors"
    stem = os.path.splitext(out)[0]
    lanes = lanes_of(args.data, engine, accumulate, manifest)
    held = lanes_of(args.eval, engine, 1, manifest)
    rows, longest = np.zeros(engine.size * accumulate), np.zeros(engine.size * accumulate)
    for lane in lanes:
        rows[lane.number], longest[lane.number] = lane.rows, lane.steps()
    rows, per_epoch = engine.sum(rows), int(engine.sum(longest).max())
    if per_epoch == 0:
        raise Stop(f"no rank has a batch of {manifest['batch']['rows']} rows.")
    model = model_of(manifest, args)
    about = {"step": hashlib.sha256(text).hexdigest(), "rows": rows.tolist(), "seed": seed, "shuffle": not args.no_shuffle}

    def start():
        """On rank 0: the start values, or the checkpoint of an earlier run with the same output."""
        folder = os.path.dirname(os.path.abspath(out))
        if not os.access(folder, os.W_OK):
            raise Stop(f"{folder} does not exist, or cannot be written into; choose another --out.")
        if not args.force and os.path.exists(f"{stem}.state.safetensors"):
            return read(f"{stem}.state.safetensors")
        if not args.force and os.path.exists(out):
            raise Stop(f"{out} exists; pass --force to replace it, or choose another --out.")
        return read(args.step, manifest["state"]["file"])

    blob = engine.broadcast(start() if engine.rank == 0 else None)
    tensors, _ = unpack(blob)
    fresh = {"about": about, "step": 0, "place": 0, "before": None, "best": None, "epochs": [], "steps": []}
    run = json.loads(tensors["note"].tobytes()) if "note" in tensors else fresh
    if run["about"] != about:
        raise Stop(f"{stem}.state.safetensors is the state of a run with another step, data, seed or number of batches a step; pass --force to begin anew, or another --out.")
    best = {name[5:]: array for name, array in tensors.items() if name.startswith("best/")}
    model.load(blob)

    def say(message):
        if engine.rank == 0 and not args.quiet:
            print(message, file=sys.stderr, flush=True)

    def shown(part):
        return ", ".join(f"{name} {value:.4g}" for name, value in [("loss", part["loss"]), *part["metrics"].items()])

    def weights():
        return {each["input"]: model.state()[each["key"]] for each in manifest["state"]["tensors"] if each["role"] == "weight"}

    def keep():
        if engine.rank == 0:
            note = np.frombuffer(json.dumps(run).encode(), np.uint8)
            several = {**model.state(), **{f"best/{name}": array for name, array in best.items()}, "note": note}
            write(f"{stem}.state.safetensors", pack(several, {"step": str(run["step"])}))

    def evaluate():
        order = {lane.number: np.arange(lane.rows) for lane in held}
        batches = (batch for lane in held for place in range(lane.steps()) for batch in lane.batches(place, order[lane.number]))
        counted = engine.sum(np.array([sum(lane.rows for lane in held)], float))
        result = figures(manifest, manifest["evaluation"], summed(engine, model, "eval", manifest["evaluation"], batches, np.float64))
        return {"rows": int(counted[0]), **result}

    def end_epoch(epoch):
        part = [step for step in run["steps"] if step["epoch"] == epoch]
        weight = sum(step["examples"] for step in part)
        if not weight:
            raise Stop(f"no example of epoch {epoch} counts.")
        mean = lambda of: sum(step["examples"] * of(step) for step in part) / weight
        means = {"loss": mean(lambda step: step["loss"]), "metrics": {name: mean(lambda step: step["metrics"][name]) for name in part[0]["metrics"]}}
        result = {"epoch": epoch, "step": run["step"], "train": means, "eval": evaluate() if held else None}
        run["epochs"].append(result)
        loss = (result["eval"] or means)["loss"]
        if loss < (run["best"] or {"loss": math.inf})["loss"]:
            run["best"] = {"epoch": epoch, "loss": loss}
            best.clear()
            best.update(weights())
        say(f"epoch {epoch} of {epochs}, step {run['step']}: {shown(result['eval'] or means)}")

    if run["step"]:
        say(f"going on after step {run['step']}")
    elif held:
        run["before"] = evaluate()
        say(f"before: {shown(run['before'])}")
    args.after = run["step"]
    total, patience = manifest["schedule"]["steps"] or per_epoch * epochs, training["patience"]
    stopped, error = None, None
    while stopped is None:
        epoch = len(run["epochs"]) + 1
        if epoch > epochs or (patience and epoch - 1 - (run["best"] or {"epoch": 0})["epoch"] >= patience):
            stopped = "completed" if epoch > epochs else "patience"
            break
        order = {lane.number: np.arange(lane.rows) if args.no_shuffle else np.random.RandomState([seed & 0xFFFFFFFF, epoch, lane.number]).permutation(lane.rows) for lane in lanes}
        while run["place"] < per_epoch and not (args.max_steps and run["step"] >= args.max_steps):
            batches = (batch for lane in lanes for batch in lane.batches(run["place"], order[lane.number]))
            sums = summed(engine, model, "gradients", vector, batches, np.float32)
            step, result = run["step"] + 1, figures(manifest, vector, sums)
            given = rates(manifest, step, total)
            norm = model.update(sums, step, **given) if result["examples"] else 0.0
            if result["examples"] and not (math.isfinite(result["loss"]) and math.isfinite(norm)):
                stopped, error = "diverged", f"the loss is {result['loss']} and the norm of the gradients {norm} in step {step}; export the step with a lower --lr, or look for extreme values in the data."
                break
            run["step"], run["place"] = step, run["place"] + 1
            run["steps"].append({"epoch": epoch, "step": step, **result, "lr": given["lr"], "norm": norm})
            if run["place"] < per_epoch and step % args.checkpoint_every == 0:
                keep()
                args.after = step
        if stopped:
            break
        early = run["place"] < per_epoch
        if early:
            keep()  # A resumed run goes on in this epoch, whose evaluation the log alone has.
            stopped = "completed"
        if any(step["epoch"] == epoch for step in run["steps"]):
            end_epoch(epoch)
        if not early:
            run["place"] = 0
            keep()
        args.after = run["step"]
    if run["best"] is None:
        raise Stop(f"{error or 'no step was taken'} No epoch ended with a finite loss, so no adapter is written.")
    if engine.rank == 0:
        log = {**{name: manifest["log"][name] for name in ("model", "variant")}, "data": args.data, "eval": args.eval or None,
               "computed": manifest["log"]["computed"], "settings": {**manifest["log"]["settings"], "seed": seed, "ranks": engine.size, "accumulate": accumulate},
               "stopped": stopped, "error": error, "advice": None, **{name: run[name] for name in ("best", "before", "epochs", "steps")}}
        examples = {manifest["adapter"]["examples"]: str(int(rows.sum()))}
        write(out, pack({name: best[name] for name in manifest["adapter"]["weights"]}, {**manifest["adapter"]["metadata"], **examples}))
        write(f"{stem}.json", (json.dumps(log, indent=2) + "\n").encode())
        if not args.quiet:
            print(f"{len(run['steps'])} steps on {engine.size} {'rank' if engine.size == 1 else 'ranks'}, best after epoch {run['best']['epoch']}: loss {run['best']['loss']:.4g}\nwrote {out}, {stem}.json")
    if error:
        raise Stop(error)


def guarded(make, args):
    """Runs one rank; whatever ends it ends all ranks, with one sentence and a non-zero exit code."""
    engine = Alone()

    def leave(sentence, end=None):
        print(f"train.py: rank {engine.rank}: {sentence}", file=sys.stderr, flush=True)
        (end or engine.abort)(1)

    args.after = 0
    lost = lambda why: f"another rank has ended ({why}); the same command goes on after step {args.after}."
    signal.signal(signal.SIGTERM, lambda *_: leave(lost("this one is asked to end"), os._exit))
    try:
        engine = make()
        if args.threads is None:
            local = os.environ.get("LOCAL_WORLD_SIZE") or os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE") or 1
            args.threads = max(1, (os.cpu_count() or 1) // int(local))
        train(engine, args)
        engine.close()
    except Stop as stop:
        leave(str(stop))
    except ImportError as error:
        leave(f"{error.name} is not installed; run pip install {error.name}, or choose another --engine.")
    except Lost as error:
        leave(lost(error))
    except Exception as error:
        leave(f"{type(error).__name__}: {(str(error).strip() or 'no reason is given').splitlines()[0][:300]}")


def with_ray(args):
    import ray, torch
    from ray.train import ScalingConfig
    from ray.train.torch import TorchTrainer
    args.out = args.out or "tuned.safetensors"
    for name in ("step", "out", "weights"):
        setattr(args, name, getattr(args, name) and os.path.abspath(getattr(args, name)))
    args.data, args.eval = ([os.path.abspath(each) for each in some] for some in (args.data, args.eval))
    args.threads, args.after = args.threads or 1, 0
    scaling = ScalingConfig(num_workers=args.ranks, use_gpu=torch.cuda.is_available())
    try:
        TorchTrainer(lambda: train(Torch(), args), scaling_config=scaling).fit()
    except Exception as error:
        known = [each for each in getattr(error, "worker_failures", {}).values() if "Stop(" in repr(each)]
        sys.exit(f"train.py: {known[0] if known else f'a rank has ended ({type(error).__name__}); the same command goes on after the last checkpoint.'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--step", required=True, help="folder that laurelize export-step has written")
    add("--data", required=True, nargs="+", help=".npz shards, or folders of them, dealt to the ranks file by file; with {rank} in a path each rank has its own")
    add("--eval", nargs="+", default=[], help="validation shards, which choose the best epoch")
    add("--engine", choices=["torch", "mpi", "ray"], default="torch", help="what starts the ranks and adds their vectors up  [default: torch]")
    add("--ranks", type=int, default=2, help="number of ranks, for --engine ray alone  [default: 2]")
    add("--out", "-o", help="adapter to write; log and state go beside it  [default: the model's name, .tuned.safetensors]")
    add("--epochs", type=int, help="number of epochs  [default: the step's]")
    add("--max-steps", type=int, help="stop after this many steps")
    add("--accumulate", type=int, help="batches of each rank in a step  [default: the step's]")
    add("--seed", type=int, help="seed of the order of the rows  [default: the step's]")
    add("--no-shuffle", action="store_true", help="take rows in their order")
    add("--checkpoint-every", type=int, default=100, help="steps between checkpoints; one more follows each epoch  [default: 100]")
    add("--force", action="store_true", help="begin anew where an earlier run with the same output left a state")
    add("--runtime", choices=["auto", "python", "node"], default="auto", help="where onnxruntime runs  [default: Python's if it is installed]")
    add("--laurelize", help="command of laurelize for --runtime node  [default: laurelize, or npx laurelize]")
    add("--weights", help="folder of the frozen weights  [default: where the step says]")
    add("--threads", type=int, help="threads of a rank  [default: the machine's cores, shared by its ranks]")
    add("--quiet", "-q", action="store_true", help="print errors only")
    args = parser.parse_args()
    if args.engine == "ray":
        return with_ray(args)
    alone = args.engine == "torch" and "WORLD_SIZE" not in os.environ
    guarded(Alone if alone else {"torch": Torch, "mpi": Mpi}[args.engine], args)


if __name__ == "__main__":
    main()
