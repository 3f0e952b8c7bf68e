using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Journal;

/// <summary>What the journal amounts to: the operations that are open, and the answers that are kept.</summary>
/// <remarks>
/// It is all that is carried over into a fresh segment, so its size is bounded. R24: of each asker the last <see cref="AnswersPerAsker"/>
/// answers are kept, <see cref="Answers"/> in all; of what was dropped only "up to this counter" is known. An asker that has not been
/// heard while <see cref="Askers"/> others were is forgotten altogether: its ids count as new, and what they ask for is absolute.
/// </remarks>
public sealed class JournalState
{
    public const int Answers = 4096;
    public const int AnswersPerAsker = 256;
    public const int Askers = 1024;

    private readonly SortedDictionary<ulong, JournalRecord.Begun> _open = [];
    private readonly Dictionary<RequestId, JournalRecord.Answered> _answers = [];
    private readonly Queue<RequestId> _order = [];
    private readonly Dictionary<(int Host, Guid Life), Asker> _askers = [];
    private readonly Queue<(int Host, Guid Life)> _askerOrder = [];

    /// <summary>Highest operation number ever given.</summary>
    public ulong LastOperation { get; private set; }

    /// <summary>In the order in which they began.</summary>
    public IReadOnlyCollection<JournalRecord.Begun> Open => _open.Values;

    public int KeptCount => _answers.Count;

    /// <summary>The oldest first.</summary>
    public IEnumerable<JournalRecord.Answered> Kept => _order.Where(_answers.ContainsKey).Select(id => _answers[id]);

    public JournalRecord.Answered? Find(RequestId request) => _answers.GetValueOrDefault(request);

    /// <summary>R24: the id is below what is kept of this asker: whether it was answered cannot be told.</summary>
    public bool IsForgotten(RequestId request) => _askers.TryGetValue(request.Asker, out var asker) && request.Counter <= asker.ForgottenTo;

    public void Apply(JournalRecord record)
    {
        switch (record)
        {
            case JournalRecord.Begun begun:
                _open[begun.Operation] = begun;
                NumbersUsed(begun.Operation);
                break;
            case JournalRecord.Ended ended when _open.Remove(ended.Operation, out var begun):
                if (begun.Request is { } request)
                {
                    Keep(new JournalRecord.Answered(request, begun.Kind, begun.Volume, ended.Outcome));
                }

                break;
            case JournalRecord.Answered answered:
                Keep(answered);
                break;
            case JournalRecord.Forgotten forgotten:
                AskerOf((forgotten.Host, forgotten.Life)).ForgottenTo = forgotten.Counter;
                break;
        }
    }

    public void NumbersUsed(ulong last) => LastOperation = Math.Max(LastOperation, last);

    /// <summary>Records that make an empty state this one.</summary>
    public ImmutableArray<JournalRecord> ToRecords() =>
    [
        .. _askerOrder.Where(asker => _askers[asker].ForgottenTo > 0).Select(asker => new JournalRecord.Forgotten(asker.Host, asker.Life, _askers[asker].ForgottenTo)),
        .. _open.Values,
        .. Kept,
    ];

    private void Keep(JournalRecord.Answered answered)
    {
        var id = answered.Request;
        if (!_answers.TryAdd(id, answered))
        {
            _answers[id] = answered;
            return;
        }

        _order.Enqueue(id);
        var asker = AskerOf(id.Asker);
        asker.Counters.Enqueue(id.Counter);
        if (asker.Counters.Count > AnswersPerAsker)
        {
            Drop(id.Asker, asker);
        }

        while (_answers.Count > Answers)
        {
            // What its asker's own limit has dropped stands in the order still.
            if (_order.Dequeue() is var oldest && _answers.ContainsKey(oldest))
            {
                Drop(oldest.Asker, _askers[oldest.Asker]);
            }
        }

        if (_order.Count > 2 * Answers)
        {
            Compact();
        }
    }

    private void Drop((int Host, Guid Life) who, Asker asker)
    {
        var counter = asker.Counters.Dequeue();
        _answers.Remove(new RequestId(who.Host, who.Life, counter));
        asker.ForgottenTo = Math.Max(asker.ForgottenTo, counter);
    }

    private void Compact()
    {
        var left = _order.Where(_answers.ContainsKey).ToList();
        _order.Clear();
        left.ForEach(_order.Enqueue);
    }

    private Asker AskerOf((int Host, Guid Life) who)
    {
        if (_askers.TryGetValue(who, out var known))
        {
            return known;
        }

        for (var i = _askerOrder.Count; _askers.Count >= Askers && i > 0; i--)
        {
            var oldest = _askerOrder.Dequeue();
            if (_askers[oldest].Counters.Count == 0)
            {
                _askers.Remove(oldest);
            }
            else
            {
                _askerOrder.Enqueue(oldest);
            }
        }

        _askerOrder.Enqueue(who);
        return _askers[who] = new Asker();
    }

    private sealed class Asker
    {
        public Queue<ulong> Counters { get; } = [];

        public ulong ForgottenTo { get; set; }
    }
}
