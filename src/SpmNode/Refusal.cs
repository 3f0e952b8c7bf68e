namespace OvirtSpm.Node;

/// <summary>Something a person asked for that is not done, with what failed, why, and what to do about it.</summary>
/// <remarks>Ends a verb with exit code 1 and an HTTP request with <see cref="Code"/>'s status; never used for flow inside the pool.</remarks>
public sealed class Refusal(RefusalCode code, string message) : Exception(message)
{
    public RefusalCode Code { get; } = code;

    public static Refusal Invalid(string message) => new(RefusalCode.Invalid, message);
    public static Refusal OutOfRange(string message) => new(RefusalCode.OutOfRange, message);
    public static Refusal NotFound(string message) => new(RefusalCode.NotFound, message);
    public static Refusal Conflict(string message) => new(RefusalCode.Conflict, message);
    public static Refusal NoSpace(string message) => new(RefusalCode.NoSpace, message);
    public static Refusal NotLeader(string message) => new(RefusalCode.NotLeader, message);
    public static Refusal Unknown(string message) => new(RefusalCode.OutcomeUnknown, message);
    public static Refusal Unavailable(string message) => new(RefusalCode.Unavailable, message);
    public static Refusal Damaged(string message) => new(RefusalCode.Damaged, message);
}

public enum RefusalCode
{
    /// <summary>The request itself makes no sense (HTTP 400).</summary>
    Invalid,

    /// <summary>Bytes that are not inside the disk (416).</summary>
    OutOfRange,

    /// <summary>No such volume, domain or host (404).</summary>
    NotFound,

    /// <summary>It exists already, or somebody uses it (409).</summary>
    Conflict,

    /// <summary>This node is not the SPM or its deadline has passed (421).</summary>
    NotLeader,

    /// <summary>The pool is full (507).</summary>
    NoSpace,

    /// <summary>Bytes were issued and the fence closed before they were proven durable: ask again, it is harmless (504).</summary>
    OutcomeUnknown,

    /// <summary>Storage or peer cannot be reached now (503).</summary>
    Unavailable,

    /// <summary>What is on the LUN cannot be believed; nothing is changed (500).</summary>
    Damaged,
}
