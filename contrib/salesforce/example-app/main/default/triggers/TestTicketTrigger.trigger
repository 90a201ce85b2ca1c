trigger TestTicketTrigger on TestTicket__c(after insert, after update) {
    if (Trigger.isInsert) {
        TestTicketHandler.created(Trigger.new);
    } else {
        TestTicketHandler.updated(Trigger.new, Trigger.oldMap);
    }
}
