using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>One queue for timers, I/O and messages of all hosts; the only thread there is. Time is in ticks of 100 ns.</summary>
/// <remarks>Who of those due at the same tick goes first is drawn when they are queued: any order may happen, none costs a list.</remarks>
internal sealed class SimScheduler(IChoice choice)
{
    private readonly int thread = Environment.CurrentManagedThreadId;
    private Due[] heap = new Due[1024];
    private Entry[] entries = new Entry[1024];
    private readonly Stack<int> free = [];
    private int count;

    public long NowTicks { get; private set; }

    public TimeSpan Now => TimeSpan.FromTicks(NowTicks);

    /// <summary>Something ran on another thread, from here: the run is not deterministic and proves nothing.</summary>
    public string? LeakedFrom { get; private set; }

    /// <summary>Events run so far.</summary>
    public long Events { get; private set; }

    public void At(long ticks, Action act) => Push(ticks, new Entry(null, null, act, 0));

    public void After(TimeSpan delay, Action act) => At(NowTicks + delay.Ticks, act);

    /// <summary>Code of one life of a host's program: runs only while that life does.</summary>
    public void At(long ticks, SimProcess life, Action act) => Push(ticks, new Entry(life, null, act, 0));

    public void Post(SimProcess life, SendOrPostCallback? callback, object? state, long setting = 0) =>
        Push(NowTicks, new Entry(life, callback, state, setting));

    /// <summary>A timer; one that was disposed of or set anew before then costs nothing.</summary>
    public void At(long ticks, SimProcess life, SimTimer timer, long setting) => Push(ticks, new Entry(life, SimTimer.Fire, timer, setting));

    /// <summary>Runs until <paramref name="done"/>, or until nothing is due before <paramref name="until"/>.</summary>
    public void Run(TimeSpan until, Func<bool> done)
    {
        while (!done())
        {
            if (LeakedFrom is { } stack)
            {
                throw new InvalidOperationException("a continuation left the simulated scheduler: look for ConfigureAwait(false), Task.Run or a channel "
                    + $"without AllowSynchronousContinuations\n{stack}");
            }

            if (count == 0 || heap[0].Ticks > until.Ticks)
            {
                NowTicks = Math.Max(NowTicks, until.Ticks);
                return;
            }

            NowTicks = heap[0].Ticks;
            var at = Pop();
            var next = entries[at];
            entries[at] = default;
            free.Push(at);
            if (next.Setting != 0 && ((SimTimer)next.State!).Setting != next.Setting)
            {
                continue;
            }

            Events++;
            if (next.Life is { } life)
            {
                life.Deliver(next.Callback, next.State, next.Setting);
            }
            else
            {
                ((Action)next.State!)();
            }
        }
    }

    private void Push(long ticks, Entry entry)
    {
        if (Environment.CurrentManagedThreadId != thread)
        {
            LeakedFrom ??= Environment.StackTrace;
            return;
        }

        if (!free.TryPop(out var place))
        {
            // None is free: as many are taken as are queued.
            place = count;
            if (count == heap.Length)
            {
                Array.Resize(ref heap, 2 * count);
                Array.Resize(ref entries, 2 * count);
            }
        }

        entries[place] = entry;
        var due = new Due(Math.Max(ticks, NowTicks), choice.Pick(int.MaxValue, "who goes first"), place);
        var at = count++;
        while (at > 0 && due.IsBefore(in heap[(at - 1) / 2]))
        {
            heap[at] = heap[(at - 1) / 2];
            at = (at - 1) / 2;
        }

        heap[at] = due;
    }

    private int Pop()
    {
        var first = heap[0].Place;
        var last = heap[--count];
        var at = 0;
        for (var child = 1; child < count; child = (2 * at) + 1)
        {
            if (child + 1 < count && heap[child + 1].IsBefore(in heap[child]))
            {
                child++;
            }

            if (!heap[child].IsBefore(in last))
            {
                break;
            }

            heap[at] = heap[child];
            at = child;
        }

        if (count > 0)
        {
            heap[at] = last;
        }

        return first;
    }

    /// <summary>Moved about in the queue, so nothing that the collector has to be told of.</summary>
    private readonly record struct Due(long Ticks, int Tie, int Place)
    {
        public bool IsBefore(in Due other) => Ticks != other.Ticks ? Ticks < other.Ticks : Tie < other.Tie;
    }

    private readonly struct Entry(SimProcess? life, SendOrPostCallback? callback, object? state, long setting)
    {
        public readonly SimProcess? Life = life;
        public readonly SendOrPostCallback? Callback = callback;
        public readonly object? State = state;

        /// <summary>Of a timer when this was queued; 0 for anything else.</summary>
        public readonly long Setting = setting;
    }
}
