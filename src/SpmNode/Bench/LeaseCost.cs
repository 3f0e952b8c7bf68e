namespace OvirtSpm.Node.Bench;

/// <summary>The three operations of a lease's life. Acquire and release are of a resource nobody else wants.</summary>
public sealed record LeaseCost(IoCost Renewal, IoCost Acquire, IoCost Release);
