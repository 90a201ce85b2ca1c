/**
 * TicketFeed - mParticle's feed, as its page has it set up
 */
trigger TicketFeed on TestTicket__c (after insert, after update) {
    if (Trigger.isInsert) {
        TicketFeedHandler.onCreated(Trigger.new);
    }
    if (Trigger.isUpdate) {
        TicketFeedHandler.onChanged(Trigger.new, Trigger.oldMap);
    }
}
